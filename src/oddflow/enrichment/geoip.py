"""Countries of addresses, from a local database in MaxMind's format (the extra `enrich`)."""

import re
from ipaddress import ip_address
from typing import Any

from oddflow.errors import InputError, Unreadable, UsageError
from oddflow.files import reason_of

CODE = re.compile("[A-Z]{2}")


class Countries:
    """Looks addresses up; nothing leaves this machine.

    Raises:
        UsageError: The reader is not installed.
        Unreadable, InputError: There is no such file, or it is no such database.
    """

    def __init__(self, path: str) -> None:
        try:
            import maxminddb  # noqa: PLC0415  (an extra)
        except ImportError:
            raise UsageError("--geoip needs maxminddb; install it: pip install 'oddflow[enrich]'") from None
        self._errors = (maxminddb.InvalidDatabaseError, ValueError, KeyError, TypeError, RecursionError)
        try:
            self._reader: Any = maxminddb.open_database(path)
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {reason_of(error)}; name a database of countries") from None
        except self._errors:
            raise InputError(f"{path} is no database in MaxMind's format; expected a file like country.mmdb") from None

    def of(self, address: str) -> str:
        """Two letters (ISO 3166), or "" where the database does not know, or the address is not of the Internet."""
        try:
            if not ip_address(address).is_global:
                return ""
            found = self._reader.get(address)
            for name in ("country", "registered_country"):
                if isinstance(found, dict) and isinstance(found.get(name), dict):
                    code = found[name].get("iso_code")
                    if isinstance(code, str) and CODE.fullmatch(code):
                        return code
        except self._errors:
            return ""
        return ""
