"""A signature over a sealed model's manifest, which holds the SHA-256 of every other part.

`signature.json` is a member of its own beside the manifest:

    {"format_version": 1, "algorithm": "Ed25519", "public_key": 64 hex digits, "signature": 128 hex digits}

Signed are the bytes of `manifest.json` as they lie in the file, behind a line that says what they are, so that the
signature is worth nothing for anything else. Source: RFC 8032, section 5.1 (Ed25519).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = b"oddflow sealed model 1\n"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1]
    algorithm: Literal["Ed25519"]
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and what it is of.

    Attributes:
        manifest: The bytes of the manifest that was signed.
        public_key: Of whoever signed, 32 bytes.
        value: 64 bytes.
    """

    manifest: bytes
    public_key: bytes
    value: bytes

    @classmethod
    def read(cls, document: bytes, manifest: bytes) -> "Signature":
        """The signature that a file brings for a manifest; not yet whether it holds.

        Raises:
            ValueError: It is no such document, in words.
        """
        try:
            found = _Document.model_validate_json(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"]) or "its top"
            raise ValueError(f"wrong at {place}: {first['msg']}") from None
        return cls(manifest, bytes.fromhex(found.public_key), bytes.fromhex(found.signature))

    @property
    def holds(self) -> bool:
        """Whether the owner of the key signed this manifest."""
        # it takes a moment to import, and most models are not signed
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(self.value, PREFIX + self.manifest)
        except (InvalidSignature, ValueError):  # or the key is no point of the curve
            return False
        return True

    @property
    def signer(self) -> str:
        """The fingerprint of the key, to be compared by people."""
        return fingerprint_of(self.public_key)

    def written(self) -> bytes:
        """As `signature.json` has it."""
        document = {
            "format_version": 1,
            "algorithm": "Ed25519",
            "public_key": self.public_key.hex(),
            "signature": self.value.hex(),
        }
        return json.dumps(document, indent=1).encode()


def fingerprint_of(public_key: bytes) -> str:
    """32 hexadecimal digits that tell public keys apart: the first half of the key's SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:32]
