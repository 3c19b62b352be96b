"""What a protocol found, as JSON that people keep, compare and print."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oddflow.errors import UsageError
from oddflow.evaluation.cost import Cost
from oddflow.evaluation.intervals import Estimate

FORMAT = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Opening(_Model):
    """A time when the test rows were looked at with other choices.

    Attributes:
        sha256: Of what was chosen.
        date: When, ISO 8601, UTC.
        commit: Of the choices; "" where they were not committed.
    """

    sha256: str
    date: str
    commit: str = ""


class Part(_Model):
    """What an entry got on a test part.

    Attributes:
        figures: By measure.
        confusion: True classes by what was said, (k, k), the mean over seeds.
        first_alert: Attacks in time: how many there are, how many raise an alert, and the median time until it, in s.
    """

    figures: dict[str, Estimate]
    confusion: list[list[float]]
    first_alert: dict[str, float | None] | None = None


class Row(_Model):
    """What an entry got.

    Attributes:
        title: As tables call it.
        detector: With its options.
        learns: What it learns from: "labels" or "normal rows".
        decides: How it decides.
        learnt_rows: How many it learnt from, the mean over seeds.
        trivial: Whether it only stands beside the others.
        parts: By test part.
        cost: The mean over seeds.
        thresholds: Of each seed; none where the likeliest class is taken.
        note: What a reader must know.
    """

    title: str
    detector: str
    learns: str
    decides: str
    learnt_rows: int
    trivial: bool
    parts: dict[str, Part]
    cost: Cost
    thresholds: list[float] = []
    note: str = ""


class Difference(_Model):
    """One entry less another, from the same rows."""

    one: str
    other: str
    measure: str
    part: str
    figure: Estimate


class Leak(_Model):
    """What a leak check found of a fold."""

    check: str
    severity: str
    what: str
    advice: str = ""


class Result(_Model):
    """What a protocol found.

    Attributes:
        format: Of this file.
        name: The protocol's file name without its ending; "" for one that was given in words.
        label: "protocol" or "exploratory".
        why: What makes it so.
        sha256: Of what was chosen.
        commit: Of the choices; "" where they were not committed.
        opened: Times before when the test rows were looked at with other choices.
        protocol: All that was chosen.
        names: The classes.
        attacks: Which of them are attacks.
        provenance: Where the rows come from, and how they were split.
        data_sha256: Of the rows, by the seed of the split.
        leaks: What the leak checks found.
        rows: The entries.
        differences: Of pairs.
        flows_a_day: That false alarms are counted for.
        date: When the last run ended, ISO 8601, UTC.
        duration_s: Of all runs, by processor time.
        versions: Of what was run.
        code: Fingerprints of the program, of each run's; more than one where it changed in between.
    """

    format: int = FORMAT
    name: str
    label: str
    why: str
    sha256: str
    commit: str = ""
    opened: list[Opening] = []
    protocol: dict[str, Any]
    names: list[str]
    attacks: list[bool]
    provenance: list[str]
    data_sha256: list[str]
    leaks: list[Leak]
    rows: list[Row] = Field(min_length=1)
    differences: list[Difference] = []
    flows_a_day: float
    date: str
    duration_s: float
    versions: dict[str, str]
    code: list[str]

    @property
    def parts(self) -> list[str]:
        """The test parts."""
        return list(self.rows[0].parts)

    def row(self, title: str) -> Row:
        """An entry by its title.

        Raises:
            UsageError: There is none.
        """
        found = next((row for row in self.rows if row.title == title), None)
        if found is None:
            raise UsageError(f"no entry is called {title!r}; there are {', '.join(row.title for row in self.rows)}")
        return found

    def figure(self, title: str, part: str, measure: str) -> Estimate:
        """A figure.

        Raises:
            UsageError: There is none.
        """
        parts = self.row(title).parts
        if part not in parts or measure not in parts[part].figures:
            known = ", ".join(parts) if part not in parts else ", ".join(parts[part].figures)
            raise UsageError(f"{title} has no figure {measure} on {part}; there are {known}")
        return parts[part].figures[measure]


class Results(_Model):
    """Several, as one file: what `evaluate -o` writes and `--compare` reads."""

    format: int = FORMAT
    results: list[Result]

    @classmethod
    def read(cls, text: str, name: str) -> "Results":
        """From JSON.

        Raises:
            UsageError: It is none of ours, or of another version.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise UsageError(
                f"{name} holds no results of `oddflow evaluate -o`: {place}: {first['msg']}; write it anew"
            ) from None

    def written(self) -> str:
        """As JSON, with lines that a person can compare."""
        return self.model_dump_json(indent=1) + "\n"
