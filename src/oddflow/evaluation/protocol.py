"""A protocol: all that is chosen before the test rows are looked at, as a file; unknown keys are refused."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from oddflow.errors import UsageError
from oddflow.evaluation.measure import Asked, Measure
from oddflow.features.representation import Reads

SEEDS = 5


class Suite(StrEnum):
    """Which tables belong together."""

    PAPERS = "papers"
    ANOMALY = "anomaly"
    QUICK = "quick"


class Status(StrEnum):
    """Whether all was chosen before the test rows were looked at."""

    PROTOCOL = "protocol"
    EXPLORATORY = "exploratory"


class Classes(StrEnum):
    """What is told apart: attacks from normal rows, kinds of attack, or the set's own labels."""

    TWO = "two"
    CATEGORIES = "categories"
    OWN = "own"


class Repeats(StrEnum):
    """What is done with rows that are there twice.

    LEAVE_OUT: the first is kept before any split, and none where they carry several classes. LEAVE_OUT_OF_TESTS: what
    is among the rows to learn from is not tested on.
    """

    KEEP = "keep"
    LEAVE_OUT = "leave-out"
    LEAVE_OUT_OF_TESTS = "leave-out-of-tests"


class Rule(StrEnum):
    """How a score becomes a decision; see `Threshold`."""

    ARGMAX = "argmax"
    FALSE_ALARM_RATE = "false-alarm-rate"
    VALIDATION = "validation"


class Scheme(StrEnum):
    """How rows are split where neither `train` nor `tests` names sections.

    TIME_WITHIN_CLASSES: of each class the earlier rows are learnt from, where an attack lasted but an hour.
    """

    OFFICIAL = "official"
    STRATIFIED = "stratified"
    TIME = "time"
    TIME_WITHIN_CLASSES = "time-within-classes"
    HOST = "host"
    CAPTURE = "capture"
    EACH_CAPTURE = "each-capture"
    CAPTURE_PAIRS = "capture-pairs"


def _seeds(given: Any) -> Any:
    return tuple(range(given)) if isinstance(given, int) and not isinstance(given, bool) else given


def _asked(given: Any) -> Any:
    try:
        return tuple(Asked.read(one) if isinstance(one, str) else one for one in given)
    except UsageError as error:
        raise ValueError(str(error)) from None


Measures = Annotated[tuple[Asked, ...], BeforeValidator(_asked)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Model):
    """Which rows are learnt from, and which are tested on.

    Attributes:
        set: A data set of the registry; or
        sources, baseline, truth: captures and logs with a ground truth, and those that are learnt from alone; or
        captures, applications: captures in the folder of all data sets, and the names by first bytes of the flows that
            are told apart; no flow is an attack then.
        sections: Sections or official parts to read; the usual ones, or those of `train` and `tests`, unless given.
        train: Sections that are learnt from.
        tests: Test parts by name, the sections of each: several from one fit.
        split: How rows are split where `train` is not given; as is usual unless given.
        test_share: Of rows that are tested on, where the split leaves that open.
        split_by_seed: Whether a split by chance is another one for each seed.
        repeats: What is done with rows that are there twice.
        exclude: Features that are left out, `*` stands for anything.
        blank_bytes: Of images the first so many bytes are made 0.
        reads: What of flows the rows show; what the entries read unless given.
        most_train: Most rows to learn from, of normal rows and of attacks each, drawn by the seed.
        most_test: The same to test on, drawn once.
    """

    set: str = ""
    sources: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    truth: str = ""
    captures: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    train: tuple[str, ...] = ()
    tests: dict[Name, tuple[str, ...]] = {}
    split: Scheme | None = None
    test_share: float = Field(default=0.3, gt=0, lt=1)
    split_by_seed: bool = False
    repeats: Repeats = Repeats.KEEP
    exclude: tuple[str, ...] = ()
    blank_bytes: int = Field(default=0, ge=0)
    reads: Reads | None = None
    most_train: int | None = Field(default=None, ge=2)
    most_test: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _whole(self) -> "Data":
        if (bool(self.set), bool(self.sources), bool(self.captures)).count(True) != 1:
            raise ValueError("expected a set, or sources with their truth, or captures with applications")
        if bool(self.sources) != bool(self.truth) or bool(self.captures) != bool(self.applications):
            raise ValueError("sources go with a truth, captures with applications")
        if bool(self.train) != bool(self.tests):
            raise ValueError("train and tests name sections, both or neither")
        if self.train and self.split:
            raise ValueError("either train and tests name the sections, or a split is named")
        if self.baseline and not self.sources:
            raise ValueError("a baseline goes with sources")
        return self


class Threshold(_Model):
    """How scores become decisions.

    `argmax` takes the likeliest class; what tells no probabilities then takes `validation`, or a rate of 1 % where
    there are no attacks to learn from. `false-alarm-rate` lets that share of held-back normal rows of the training part
    lie above. `validation` takes what gives the best `measure` on rows of the training part that are held back; what
    learns no attacks holds back normal rows alone, and all attacks of the training part are new to it.

    Attributes:
        rule: Which.
        rate: The false-alarm rate that is asked for.
        measure: What is best on validation: balanced_accuracy, accuracy or f1.
        held_back: The share of the training rows that is held back; the last in time, else by chance.
    """

    rule: Rule = Rule.ARGMAX
    rate: float | None = Field(default=None, gt=0, lt=1)
    measure: Measure = Measure.BALANCED_ACCURACY
    held_back: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> "Threshold":
        if (self.rule is Rule.FALSE_ALARM_RATE) != (self.rate is not None):
            raise ValueError("rate goes with the rule false-alarm-rate, and that rule needs it")
        if self.measure not in {Measure.BALANCED_ACCURACY, Measure.ACCURACY, Measure.F1}:
            raise ValueError("a threshold is chosen by balanced_accuracy, accuracy or f1")
        return self


class Entry(_Model):
    """A detector in a table.

    Attributes:
        detector: With its options: "rnn-ids:hidden=80:epochs=100"; or "reference:extra-trees:trees=300".
        name: As the table calls it; the detector's own unless given.
        augment: What makes rows, of those that are learnt from: "smote:neighbours=3"; see `learn --augment`.
        augment_to: The share of normal rows that rare attacks are brought up to; see `learn --augment-to`.
        threshold: Another than the protocol's.
        note: What a reader must know.
    """

    detector: Name
    name: str = ""
    augment: str = ""
    augment_to: float = Field(default=0.1, gt=0, le=1)
    threshold: Threshold | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """As tables call it."""
        return self.name or self.detector


class Published(_Model):
    """A figure of a paper, printed beside ours: never measured here.

    Attributes:
        what: The paper and its method.
        figures: By test part, then by measure: {"KDDTest+" = {accuracy = 0.8328}}.
        note: What differs.
    """

    what: Name
    figures: dict[Name, dict[Name, float]]
    note: str = ""


class Expectation(_Model):
    """What must come out: a bound on the mean over seeds, checked whenever results are compared.

    Attributes:
        entry: The title of an entry.
        part: A test part.
        measure: Which.
        least, most: The bounds; at least one.
        beyond: Another entry: the bounds are then on the difference, this one less that one.
    """

    entry: Name
    part: Name
    measure: str
    least: float | None = None
    most: float | None = None
    beyond: str = ""

    @model_validator(mode="after")
    def _whole(self) -> "Expectation":
        if self.least is None and self.most is None:
            raise ValueError("an expectation needs least or most")
        Asked.read(self.measure)
        return self


class Pair(_Model):
    """Two entries whose difference is told with an interval, from the same rows: the first less the second."""

    one: Name
    other: Name
    measure: str
    part: str = ""


class Protocol(_Model):
    """All that is chosen for a table.

    Attributes:
        title: Its heading.
        suite: The suite that it belongs to.
        status: "protocol" where all was chosen before the test rows were looked at.
        chosen: When.
        how: How it was chosen: what was tried, on which rows, how many trials.
        conclusion: What the table says, in a sentence or two; written afterwards.
        data: The rows.
        classes: What is told apart.
        entries: The detectors; trivial baselines stand beside them in any case.
        seeds: Of learning; a number is that many, from 0.
        threshold: How scores become decisions.
        measures: What the table shows.
        flows_a_day: Of the network that false alarms are counted for; as many as the data has in a day unless given.
        published: Figures of papers.
        expect: What must come out.
        pairs: Differences that are told.
        leak_checks: Whether leaks are looked for.
        isolation_forest: Whether an isolation forest stands beside them, where attacks are told from normal rows.
    """

    title: Name
    suite: Suite
    status: Status
    chosen: date | None = None
    how: str = ""
    conclusion: str = ""
    data: Data
    classes: Classes = Classes.TWO
    entries: Annotated[tuple[Entry, ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], BeforeValidator(_seeds), Field(min_length=1, max_length=100)] = tuple(
        range(SEEDS)
    )
    threshold: Threshold = Threshold()
    measures: Measures = ()
    flows_a_day: float | None = Field(default=None, gt=0)
    published: tuple[Published, ...] = ()
    expect: tuple[Expectation, ...] = ()
    pairs: tuple[Pair, ...] = ()
    leak_checks: bool = True
    isolation_forest: bool = True

    @model_validator(mode="after")
    def _whole(self) -> "Protocol":
        if self.status is Status.PROTOCOL and not (self.chosen and self.how.strip()):
            raise ValueError("a protocol says when it was chosen, and how: what was tried, on which rows")
        titles = [entry.title for entry in self.entries]
        if len(set(titles)) != len(titles):
            raise ValueError("two entries have the same name; give one another")
        if len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError("seeds are different whole numbers from 0")
        named = [*(one.entry for one in self.expect), *(name for pair in self.pairs for name in (pair.one, pair.other))]
        unknown = [name for name in named if name not in {*titles, *TRIVIAL}]
        if unknown:
            raise ValueError(f"no entry is called {unknown[0]!r}; there are {', '.join(titles)}")
        return self

    @property
    def shown(self) -> tuple[Asked, ...]:
        """The measures of its table."""
        if self.measures:
            return self.measures
        usual = USUAL_TWO if self.classes is Classes.TWO else USUAL_SEVERAL
        return tuple(Asked(measure) for measure in usual)

    @property
    def sha256(self) -> str:
        """Of all that was chosen; what is told afterwards, and what is only shown, does not count."""
        chosen = self.model_dump_json(exclude=TOLD, exclude_defaults=True)
        return hashlib.sha256(chosen.encode()).hexdigest()


TRIVIAL = ("constant", "single best feature", "tree of depth 3", "isolation forest")
TOLD = {
    "title", "suite", "status", "chosen", "how", "conclusion", "published", "expect", "pairs", "measures",
    "leak_checks", "flows_a_day",
}  # fmt: skip
"""What is no choice: it is told afterwards, or only shown."""
USUAL_TWO = (
    Measure.ACCURACY, Measure.DETECTION_RATE, Measure.FALSE_ALARM_RATE, Measure.ROC_AUC, Measure.AVERAGE_PRECISION,
)  # fmt: skip
USUAL_SEVERAL = (
    Measure.ACCURACY, Measure.BALANCED_ACCURACY, Measure.MACRO_F1, Measure.DETECTION_RATE, Measure.FALSE_ALARM_RATE,
)  # fmt: skip


def read(path: Path) -> Protocol:
    """A protocol file.

    Raises:
        UsageError: It is not there, or not what a protocol is; what is wrong with it.
    """
    try:
        return parsed(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a protocol: {error}") from None


def parsed(text: str, name: str = "protocol") -> Protocol:
    """A protocol from its text, TOML.

    Raises:
        UsageError: It is not what a protocol is; what is wrong with it.
    """
    try:
        return given(tomllib.loads(text), name)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is no TOML: {error}") from None


def given(content: Mapping[str, Any], name: str = "protocol") -> Protocol:
    """A protocol from its content.

    Raises:
        UsageError: It is not what a protocol is; what is wrong with it.
    """
    try:
        return Protocol.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{name}: {'; '.join(_said(error))}; docs/evaluation.md shows a whole one") from None


def _said(error: ValidationError) -> Iterable[str]:
    for one in error.errors(include_url=False)[:5]:
        place = ".".join(str(step) for step in one["loc"])
        yield f"{place}: {one['msg']}" if place else one["msg"]
