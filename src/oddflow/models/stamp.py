"""What whoever makes a model adds to it: words for its users, and a signature."""

from dataclasses import dataclass, replace

from oddflow.errors import UsageError
from oddflow.models.format import Archive, sign
from oddflow.models.signing_keys import SigningKey

MOST_LETTERS = 4_096


@dataclass(frozen=True, slots=True)
class Stamp:
    """Put on a model once all else is known.

    Attributes:
        licence: Who may use it and how, in words or as an SPDX expression; "" for nothing said.
        note: What a user should know; "" for nothing.
        key: Who signs it; None for nobody.
    """

    licence: str = ""
    note: str = ""
    key: SigningKey | None = None

    def __post_init__(self) -> None:
        """Refuses words that a manifest does not hold."""
        for name, words in (("licence", self.licence), ("note", self.note)):
            if len(words) > MOST_LETTERS:
                raise UsageError(f"the {name} has {len(words):,} characters; at most {MOST_LETTERS:,} are kept")

    def on(self, archive: Archive) -> Archive:
        """The model with them."""
        words = {name: given for name, given in (("licence", self.licence), ("note", self.note)) if given}
        if words:
            archive = replace(archive, manifest=archive.manifest.model_copy(update=words), signature=None)
        return archive if self.key is None else sign(archive, self.key)
