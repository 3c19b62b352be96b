"""Whose models are taken: those that one of some known keys signed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oddflow.errors import Unreadable, Untrusted, UsageError
from oddflow.files import reason_of
from oddflow.models.format import Archive
from oddflow.models.signature import fingerprint_of
from oddflow.models.signing_keys import PUBLIC, read_public_key

VARIABLE = "ODDFLOW_TRUST"
MOST_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that are trusted, by where each was read from; none where every whole model is taken.

    Attributes:
        keys: Public keys of 32 bytes, with the file of each.
    """

    keys: Mapping[bytes, str] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Sequence[str] | None) -> "Trust":
        """Keys from files, and from folders of files that end in `.pub`; unless given, from those of ODDFLOW_TRUST.

        Raises:
            Unreadable: A place cannot be read.
            UsageError: One holds no key: a folder without any would trust nobody, and an empty name everybody.
        """
        if places is None:
            told = os.environ.get(VARIABLE)
            places = told.split(os.pathsep) if told else []
        keys: dict[bytes, str] = {}
        for place in places:
            for path in _files(place):
                keys.setdefault(read_public_key(path), path)
        return cls(keys)

    def check(self, archive: Archive, name: str) -> None:
        """Refuses a model that no trusted key signed, where there are any; that a signature holds is known before.

        Raises:
            Untrusted: It is not signed, or by another key.
        """
        if not self.keys:
            return
        trusted = ", ".join(f"{path} ({fingerprint_of(key)})" for key, path in list(self.keys.items())[:3])
        if archive.signature is None:
            raise Untrusted(
                f"{name}: not signed, and only models that {trusted} signed are taken; "
                "sign it with `oddflow models sign`, or get it from someone you trust"
            )
        if archive.signature.public_key not in self.keys:
            raise Untrusted(f"{name}: signed by the key {archive.signature.signer}, which is not trusted: {trusted} is")


def _files(place: str) -> list[str]:
    if not place:
        raise UsageError("a key to trust has an empty name; give a file or a folder of .pub files")
    try:
        if not Path(place).is_dir():
            return [place]
        found = sorted(str(path) for path in Path(place).iterdir() if path.name.endswith(PUBLIC))
    except OSError as error:
        raise Unreadable(f"the keys in {place} cannot be read: {reason_of(error)}") from None
    if not 1 <= len(found) <= MOST_KEYS:
        raise UsageError(f"{place} holds {len(found)} files that end in {PUBLIC}; expected 1 to {MOST_KEYS:,}")
    return found
