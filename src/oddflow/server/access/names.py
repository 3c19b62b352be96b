"""Names of accounts."""

import re

from oddflow.errors import UsageError

PATTERN = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
_NAME = re.compile(PATTERN)


def account_name(text: str) -> str:
    """A name as it is kept: lower-case, so that no two look alike.

    >>> account_name(" Ada@example.org ")
    'ada@example.org'

    Raises:
        UsageError: It is no name.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise UsageError("a name has 1 to 63 of the letters a-z, digits and . _ @ -, and begins with a letter or digit")
    return name
