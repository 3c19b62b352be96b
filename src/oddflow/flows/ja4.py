"""JA3 and JA4 fingerprints from the texts that they are digests of.

Sources: JA4, https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md (BSD 3-Clause; JA4 only);
JA3, https://github.com/salesforce/ja3.
"""

import hashlib
from functools import lru_cache

DIGESTS_KEPT = 4096
NOTHING = "0" * 12
"""JA4's digest of an empty list."""


@lru_cache(maxsize=DIGESTS_KEPT)
def ja3(text: bytes) -> str:
    """The JA3 of a text like `771,4865-4866,0-23,29,0`."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=DIGESTS_KEPT)
def ja4_part(text: bytes) -> str:
    """JA4's digest of a list: twelve digits of its SHA-256.

    >>> ja4_part(b"002f,0035")
    'f54dd463d39b'
    """
    return hashlib.sha256(text).hexdigest()[:12] if text else NOTHING


def ja4(start: bytes, ciphers: bytes, extensions: bytes) -> str:
    """The JA4 of its first part and the two lists.

    >>> ja4(b"t13d1516h2", b"1301,1302", b"")
    't13d1516h2_62ed6f6ca7ad_000000000000'
    """
    return f"{start.decode()}_{ja4_part(ciphers)}_{ja4_part(extensions)}"
