"""Key files: what turns addresses and names into pseudonyms, and pseudonyms of addresses back."""

import hashlib
import os
import secrets
import stat
from pathlib import Path

from oddflow.errors import Unreadable, UsageError
from oddflow.files import reason_of, write_new
from oddflow.logs.cryptopan import KEY_BYTES

MADE_BY = "make one with `oddflow keys new FILE`"


def make_key(path: str) -> str:
    """Writes a new key of 32 random bytes that only its owner may read; its fingerprint.

    Raises:
        OutputError: It cannot be written, or something has that name: a key that is overwritten is lost for ever.
    """
    key = secrets.token_bytes(KEY_BYTES)
    write_new(path, key, 0o600)
    return fingerprint_of(key)


def read_key(path: str) -> bytes:
    """The 32 bytes of a key file.

    Raises:
        Unreadable: It cannot be read.
        UsageError: It is no key, or others may read it.
    """
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
            key = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"the key {path} cannot be read: {reason_of(error)}; {MADE_BY}") from None
    if len(key) != KEY_BYTES:
        size = f"{len(key)}" if len(key) < KEY_BYTES else f"more than {KEY_BYTES}"
        raise UsageError(f"{path} holds {size} bytes, and a key has {KEY_BYTES}; {MADE_BY}")
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        raise UsageError(f"others than its owner may read or change the key {path}; run: chmod 600 {path}")
    return key


def fingerprint_of(key: bytes) -> str:
    """Twelve hexadecimal digits that tell keys apart and say nothing of them."""
    return hashlib.blake2b(b"fingerprint", key=key, digest_size=6).hexdigest()
