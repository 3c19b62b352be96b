"""What is known of a data set: the form of the files in `sets/`, checked as they are read."""

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from oddflow.schema import AttackCategory

UNKNOWN = "unknown"
"""The hash of a file that nobody here has seen."""

_DASHES = re.compile("[\x96\N{HYPHEN}-\N{HORIZONTAL BAR}\N{MINUS SIGN}\N{REPLACEMENT CHARACTER}]")


def folded(name: str) -> str:
    """A label's name as it is looked up: dashes of all kinds, case, blanks and a full stop at the end do not matter.

    >>> folded("normal."), folded(" Web Attack \\x96  XSS")
    ('normal', 'web attack - xss')
    """
    return " ".join(_DASHES.sub("-", name).lower().split()).removesuffix(".")


class Kind(StrEnum):
    """What a set is made of; the value is what people read."""

    FLOWS = "flows"
    FEATURES = "feature set"
    CAPTURES = "captures"
    PACKETS = "packets"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(_Model):
    """Where a set was published."""

    authors: str
    title: str
    venue: str
    year: int = Field(ge=1990, le=2100)


class File(_Model):
    """A file of a set.

    Attributes:
        path: In the folder of all data sets.
        sha256: Of its bytes; "unknown" where nobody here has seen it.
        bytes: Its size; None where nobody here has seen it.
        required: Whether the set is of no use without it.
        shipped: Whether it comes with Oddflow: it is then looked for among the examples.
    """

    path: str
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64}|unknown)$")] = UNKNOWN
    bytes: int | None = Field(default=None, ge=0)
    required: bool = True
    shipped: bool = False

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise ValueError(f"{path!r} leads out of the folder of the data sets")
        return path


class Rule(_Model):
    """A row of truth that holds for all of a section: `*` stands for anything.

    Attributes:
        src_ip, dst_ip: Who talks to whom, in either direction.
        label: What their flows are.
    """

    src_ip: str = "*"
    dst_ip: str = "*"
    label: str


class Section(_Model):
    """What is read in one go: a file, or a member of a zip file.

    Attributes:
        name: What messages and tables call it.
        path: The file.
        member: Its member, where it is a zip file; a last part of the member's path is enough.
        truth: The file that says what the rows are, where they do not say it themselves.
        part: The official part that it belongs to; "" for none.
        optional: Whether it is read only where it is asked for, or where it is there.
        asked: Whether it is read only where it is asked for by name: it repeats others, say.
        label: What all its rows are, where nothing says more.
        rules: Which ends make a row something else.
        names: The labels that numbers stand for, from 0.
        rows: How many there are; None where nobody here has counted.
        classes: How many of each; empty where nobody here has counted.
    """

    name: str
    path: str
    member: str = ""
    truth: str = ""
    part: str = ""
    optional: bool = False
    asked: bool = False
    label: str = ""
    rules: tuple[Rule, ...] = ()
    names: tuple[str, ...] = ()
    rows: int | None = None
    classes: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds_up(self) -> "Section":
        if self.classes and sum(self.classes.values()) != self.rows:
            raise ValueError(f"{self.name}: the classes have {sum(self.classes.values())} rows, rows says {self.rows}")
        return self


class Meaning(_Model):
    """What a label means.

    Attributes:
        name: As the set writes it.
        category: What kind of attack, or normal.
        contains: Labels that hold this text mean it too, in sets that put more into a label.
        techniques: MITRE ATT&CK technique ids, only where the label names the technique itself.
    """

    name: str
    category: AttackCategory
    contains: str = ""
    techniques: tuple[Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")], ...] = ()

    @model_validator(mode="after")
    def _honest(self) -> "Meaning":
        if self.category is AttackCategory.NORMAL and self.techniques:
            raise ValueError(f"{self.name} is normal and has techniques")
        return self


class DataSet(_Model):
    """All that is known of a data set.

    Attributes:
        name: What commands call it.
        title: What people call it.
        summary: What it is, in a sentence.
        paper: Where it was published.
        licence: The terms in a few words; the owner's page has the last one.
        url: Where the owner offers it.
        kind: What it is made of.
        reader: Which reader reads it; a name in `readers.READERS`.
        split: How its authors split it, in words; "" where they do not.
        ground: On what the mapping of its labels rests.
        reason: Why it cannot be used, where it cannot.
        source: Where the counts come from: "files" that were counted here, or "literature".
        files, sections, labels: See there.
        words: Values of features that are words, in the order of their numbers.
        notes: What one should know before one uses it.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]
    title: str
    summary: str
    paper: Paper
    licence: str
    url: Annotated[str, Field(pattern="^(https?://.*)?$")]
    kind: Kind
    reader: str = ""
    split: str = ""
    ground: str = ""
    reason: str = ""
    source: Annotated[str, Field(pattern="^(files|literature|)$")] = "files"
    files: tuple[File, ...] = ()
    sections: tuple[Section, ...] = ()
    labels: tuple[Meaning, ...] = ()
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def available(self) -> bool:
        """Whether Oddflow reads it."""
        return not self.reason

    @property
    def has_flows(self) -> bool:
        """Whether it holds flows; else it is a feature set."""
        return self.kind is not Kind.FEATURES

    @property
    def is_shipped(self) -> bool:
        """Whether all of it comes with Oddflow."""
        return bool(self.files) and all(file.shipped for file in self.files)

    @property
    def rows(self) -> int | None:
        """Rows that are read unless others are asked for; None where they are not known."""
        rows = [section.rows for section in self.sections if not section.asked]
        return sum(row for row in rows if row is not None) if rows and None not in rows else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The official parts, in order."""
        return tuple(dict.fromkeys(section.part for section in self.sections if section.part))

    @model_validator(mode="after")
    def _whole(self) -> "DataSet":
        paths = [file.path for file in self.files]
        wanted = {path for section in self.sections for path in (section.path, section.truth) if path}
        if wanted - set(paths) or len(set(paths)) != len(paths):
            raise ValueError(f"sections name files that are not listed, or are twice: {sorted(wanted - set(paths))}")
        if self.available and not (self.sections and self.reader and self.labels):
            raise ValueError("a set that can be read has sections, a reader and labels")
        names = [folded(label.name) for label in self.labels]
        if len(set(names)) != len(names):
            raise ValueError("a label is there twice")
        counted = {folded(name) for section in self.sections for name in (*section.classes, *section.names)}
        if counted - set(names):
            raise ValueError(f"labels without a meaning: {sorted(counted - set(names))}")
        return self
