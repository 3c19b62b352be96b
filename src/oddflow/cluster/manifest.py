"""What a folder of flows was made from, and what is in it: JSON whose every field is checked when it is read."""

import hashlib
import io
import json
import zipfile
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oddflow.cluster.place import Place
from oddflow.errors import InputError, OutputError
from oddflow.losses import Ledger

NAME = "manifest.json"
STATE = "state"
"""The folder of what open flows go on from."""

MOST_BYTES = 256 << 20
"""A longer manifest is taken for damaged."""

Text = Annotated[str, Field(max_length=4_096)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Time = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PART = r"^(date=\d{4}-\d{2}-\d{2}/hour=\d{2}/)?\d{18}\.parquet$"


class _Part(BaseModel):
    """Without unknown fields, NaN or infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Part(_Part):
    """A file of flows."""

    name: Annotated[str, Field(pattern=PART)]
    rows: Count
    bytes: Count
    sha256: Sha256


class Capture(_Part):
    """A file that was read: what it was when it was. `first_ns` is None of one without packets."""

    name: Text
    bytes: Count
    mark: Text = ""
    first_ns: Time | None = None


class Losses(_Part):
    """A loss ledger, as it was."""

    unit: Text = "packets"
    metered: Count = 0
    reasons: dict[Text, Count] = {}
    damages: list[Text] = []
    notes: list[Text] = []
    evicted_flows: Count = 0
    unread: dict[Text, Count] = {}
    first_at: dict[Text, Text] = {}

    @classmethod
    def of(cls, ledger: Ledger) -> "Losses":
        """What a ledger says."""
        return cls(**{name: getattr(ledger, name) for name in cls.model_fields})

    def ledger(self) -> Ledger:
        """The same as a ledger."""
        made = Ledger(self.unit)
        made.metered, made.evicted_flows = self.metered, self.evicted_flows
        made.reasons.update(self.reasons)
        made.unread.update(self.unread)
        made.damages, made.notes, made.first_at = list(self.damages), list(self.notes), dict(self.first_at)
        return made


class Kept(_Part):
    """Where what goes on is kept."""

    name: Annotated[str, Field(pattern=r"^state/\d{18}\.npz$")]
    sha256: Sha256


class Source(_Part):
    """One source: what was read of it, how far, and what came of it.

    Attributes:
        name: What it is called.
        is_set: Whether several captures were read as one.
        captures: Its files, by rank; of a log or a table, the one.
        at: Where the last of them was read up to, if not to its end; packets: how many that were.
        shards: How many meters shared its flows.
        generation: How often it was begun anew.
        waves: How many were written.
        latest_ns: The latest time that was met.
        parts: Flows that have ended for good.
        tail: Flows that only the end of what there was had ended: they go on when more comes.
        read: What was lost in reading; told: with what meters say, and with what is unread.
        unread: Of the first bytes of flows in `parts`: what could not be read by who made their columns apart from a
            meter, which knows nothing of it.
        state: What goes on; None where nothing can.
    """

    name: Text
    is_set: bool = False
    captures: list[Capture] = []
    at: Count = 0
    packets: Count = 0
    shards: Annotated[int, Field(ge=1, le=4_096)] = 1
    generation: Count = 0
    waves: Count = 0
    latest_ns: Time | None = None
    parts: list[Part] = []
    tail: list[Part] = []
    read: Losses = Losses()
    told: Losses = Losses()
    unread: dict[Text, Count] = {}
    state: Kept | None = None

    @property
    def flows(self) -> int:
        """How many it gave."""
        return sum(part.rows for part in (*self.parts, *self.tail))


class Manifest(_Part):
    """All of it."""

    format: Literal["oddflow flows"] = "oddflow flows"
    version: Literal[1] = 1
    settings: dict[Text, Any] = {}
    pseudonyms: Text = ""
    statistics: bool = False
    sources: list[Source] = []

    @property
    def names(self) -> set[str]:
        """The names of all files that it speaks of, but its own."""
        parts = {part.name for source in self.sources for part in (*source.parts, *source.tail)}
        return parts | {source.state.name for source in self.sources if source.state}

    @classmethod
    def read_from(cls, place: Place) -> "Manifest | None":
        """The manifest at a place; None where there is none.

        Raises:
            InputError: It is damaged, or of another version.
        """
        content = place.get(NAME)
        if content is None:
            return None
        try:
            return cls.model_validate_json(content[:MOST_BYTES])
        except (ValidationError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, first["loc"])) + ": " + first["msg"] if first else str(error)
            raise InputError(
                f"{place.name}/{NAME} is damaged, or of another version ({where[:200]}); give another folder, or "
                "empty this one and begin anew"
            ) from None

    def write_to(self, place: Place) -> None:
        """Puts the manifest there, whole; raises OutputError."""
        place.put(NAME, (json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode())


def keep(place: Place, number: int, arrays: dict[str, NDArray[Any]]) -> Kept:
    """Puts arrays there, without pickle; raises OutputError."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    content = sink.getvalue()
    name = f"{STATE}/{number}.npz"
    place.put(name, content)
    return Kept(name=name, sha256=hashlib.sha256(content).hexdigest())


def kept(place: Place, what: Kept) -> dict[str, NDArray[Any]] | None:
    """The arrays that were put there; None where they are gone or are not what they were."""
    content = place.get(what.name)
    if content is None or hashlib.sha256(content).hexdigest() != what.sha256:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError):
        return None


def refuse_other(manifest: Manifest, wanted: Manifest, place: Place) -> None:
    """Refuses to go on in a folder that was made otherwise.

    Raises:
        OutputError: Flows were cut or told otherwise there.
    """
    for what in ("settings", "pseudonyms", "statistics"):
        if getattr(manifest, what) != getattr(wanted, what):
            raise OutputError(
                f"{place.name} holds flows that were made with other {what}: {getattr(manifest, what)!r}; give the "
                "same, or another folder"
            )
