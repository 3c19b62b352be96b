"""Secrets that the service gives out once and keeps only as a hash."""

import hashlib
import secrets

SECRET_BYTES = 32
"""256 bits: nobody guesses one, so a plain fast hash is enough to keep it by."""


def new_secret(prefix: str = "") -> str:
    """A text that nobody can guess: `prefix` and 43 letters that are safe in URLs and cookies.

    >>> len(new_secret("oddflow_"))
    51
    """
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """What is kept of a secret: SHA-256 as 64 hexadecimal digits.

    Looking a secret up by this takes a time that tells nothing of the secret itself.

    >>> digest("a")[:12]
    'ca978112ca1b'
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
