"""Columns of address texts, made alike: the form that `ipaddress` gives, null where a text is no address."""

import ipaddress
import socket
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
PLAIN_V4 = rf"^(?:{_NUMBER}\.){{3}}{_NUMBER}$"
"""An IPv4 address as it is always written; any other text is looked at one by one."""

_VERSIONS = pa.array([4, 6], pa.uint8())


def normal_addresses(texts: Any) -> Any:
    """IP addresses in their one normal form.

    Args:
        texts: A string array, (n,).

    Returns:
        A string array, (n,); null where a text is null or no address (zones such as `%eth0` are none).

    >>> normal_addresses(pa.array(["10.0.0.1", "2001:DB8:0::1", "10.0.0.01", None])).to_pylist()
    ['10.0.0.1', '2001:db8::1', None, None]
    """
    odd = pc.invert(pc.fill_null(pc.match_substring_regex(texts, PLAIN_V4), True))
    if not pc.any(odd).as_py():
        return texts
    known = texts.filter(odd).dictionary_encode()
    normal = pa.array([_normal(text) for text in known.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(texts, odd, normal.take(known.indices))


def address_versions(addresses: Any) -> Any:
    """4 or 6 for each of n normal addresses, uint8; null for null."""
    return _VERSIONS.take(pc.match_substring(addresses, ":").cast(pa.uint8()))


def _normal(text: str) -> str | None:
    try:  # many times faster than ipaddress, and of one mind with it but for addresses with IPv4 in them
        normal = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
        if "." not in normal and "." not in text:
            return normal
    except (OSError, ValueError):
        pass
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else str(address)
