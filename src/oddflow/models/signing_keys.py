"""Key files that models are signed with: PEM, as other tools read them.

The private key is PKCS #8 (RFC 5958) that only its owner may read, the public one a SubjectPublicKeyInfo (RFC 8410).
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oddflow.errors import OutputError, Unreadable, UsageError
from oddflow.files import reason_of, write_new
from oddflow.models.signature import PREFIX, Signature, fingerprint_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MADE_BY = "make a pair with `oddflow keys new FILE --signing`"
PUBLIC = ".pub"
MOST_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; what it is never shows."""

    _key: "Ed25519PrivateKey"

    @property
    def public_key(self) -> bytes:
        """Its other half, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, manifest: bytes) -> Signature:
        """Signs the bytes of a manifest."""
        return Signature(manifest, self.public_key, self._key.sign(PREFIX + manifest))

    def __repr__(self) -> str:
        """Without the key."""
        return f"SigningKey({fingerprint_of(self.public_key)})"


def make_pair(path: str) -> str:
    """Writes a new private key, and the public one beside it with `.pub` behind its name; its fingerprint.

    Raises:
        OutputError: One cannot be written, or something has its name.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  (it takes a moment to import)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_new(path, private, 0o600)
    try:
        write_new(path + PUBLIC, public, 0o644)
    except OutputError:
        Path(path).unlink()  # a key without its other half would be in the way of the next try
        raise
    return fingerprint_of(key.public_key().public_bytes_raw())


def read_signing_key(path: str) -> SigningKey:
    """A private key.

    Raises:
        Unreadable: It cannot be read.
        UsageError: It is no Ed25519 private key, needs a passphrase, or others may read it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    content, mode = _read(path)
    try:
        key = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} is no private Ed25519 key without a passphrase, as PEM; {MADE_BY}")
    if stat.S_ISREG(mode) and mode & 0o077:
        raise UsageError(f"others than its owner may read or change the key {path}; run: chmod 600 {path}")
    return SigningKey(key)


def read_public_key(path: str) -> bytes:
    """The 32 bytes of a public key.

    Raises:
        Unreadable: It cannot be read.
        UsageError: It is no Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    content, _ = _read(path)
    if b"PRIVATE KEY" in content:
        raise UsageError(f"{path} is a private key; give its other half, {path}{PUBLIC}")
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is no public Ed25519 key as PEM; {MADE_BY}")
    return key.public_bytes_raw()


def _read(path: str) -> tuple[bytes, int]:
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise Unreadable(f"the key {path} cannot be read: {reason_of(error)}; {MADE_BY}") from None
