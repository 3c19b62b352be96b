"""What a sealed model says of itself: a JSON document whose every field is checked when it is read."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from oddflow.features.feature import Feature, Scale

FORMAT_VERSION = 2
"""1 knew neither licence, note, card nor signature; it is read as before."""
MOST_FEATURES = 4_096
MOST_CLASSES = 64

Text = Annotated[str, Field(max_length=4_096)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    """Frozen, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SealedFeature(_Part):
    """A column that the model reads; see `oddflow.features.feature.Feature`."""

    name: Text
    unit: Text
    scale: Scale
    words: Text


class Range(_Part):
    """Raw values of one feature in the baseline: quantiles, least and greatest."""

    minimum: float
    q001: float
    q01: float
    median: float
    q99: float
    q999: float
    maximum: float


class Group(_Part):
    """What is normal for one service, by feature: what 1 in 1,000 rows stay under, and the greatest."""

    value: float
    rows: Count
    low: list[float]
    high: list[float]


class Source(_Part):
    """A source that the baseline was read from."""

    name: Text
    sha256: Sha256
    bytes: Count = 0
    packets: Count = 0
    flows: Count = 0


class Provenance(_Part):
    """Where the baseline came from; times are ISO 8601 in UTC, durations in seconds by stage.

    `losses` counts what could not be used, by reason.
    """

    sources: list[Source] = []
    start: Text = ""
    end: Text = ""
    seed: int = 0
    durations_s: dict[Text, float] = {}
    losses: dict[Text, Count] = {}

    @property
    def data_sha256(self) -> str:
        """The fingerprint of all data: the SHA-256 of the sources' own, a line each, in their order; "" of none."""
        lines = "".join(f"{source.sha256}\n" for source in self.sources)
        return hashlib.sha256(lines.encode()).hexdigest() if lines else ""


class Training(_Part):
    """Rows for each purpose, and the losses of each epoch.

    `made_rows` of the rows to fit were made as `made_by` says, not seen. None of them is one of `compared_rows`, which
    stop the learning or set the threshold; `dropped_rows` that came out like one of those were left out. The last two
    are of all fits together.
    `unlabelled_rows` helped beside, and `begun_from` says which weights it began from; "" for chance.
    `gradients` has the least, the median and the greatest norm of each parameter's gradient over the epochs.
    """

    fit_rows: Count
    validation_rows: Count = 0
    calibration_rows: Count = 0
    made_rows: Count = 0
    made_by: Text = ""
    compared_rows: Count = 0
    dropped_rows: Count = 0
    unlabelled_rows: Count = 0
    begun_from: Text = ""
    epochs: Count = 0
    fit_losses: list[float] = []
    validation_losses: list[float] = []
    gradients: dict[str, tuple[float, float, float]] = {}


class Calibration(_Part):
    """How many normal rows were held back, and how many flows a second the baseline had.

    `block_s` is how long the blocks are that they come in (`held_back.py`); 0 where nobody knows.
    """

    rows: Annotated[int, Field(ge=1)]
    flows_per_s: Annotated[float, Field(ge=0)]
    block_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class Manifest(_Part):
    """The whole of it; a field that is not here is refused.

    `classes` names the columns of the graph's `classes`, of which the first is normal; none where it has none.
    `decomposes` says that the score is made of its contributions, which are then what each feature did; else they only
    share it out.
    `pseudonyms` is the fingerprint of the key under whose pseudonyms it was learnt, the home networks among them.
    `licence` and `note` are words of whoever made it: who may use it, and what a user should know.
    """

    format_version: Annotated[int, Field(ge=1)]
    created: Text
    oddflow_version: Text
    detector: Text
    options: dict[Text, JsonValue] = {}
    features: Annotated[list[SealedFeature], Field(min_length=1, max_length=MOST_FEATURES)]
    feature_schema_version: Text
    feature_schema_sha256: Sha256
    ranges: list[Range]
    groups: list[Group] = []
    meter: dict[Text, JsonValue] = {}
    context: dict[Text, JsonValue] = {}
    home_networks: list[Text] = []
    pseudonyms: Text = ""
    licence: Text = ""
    note: Text = ""
    provenance: Provenance = Provenance()
    training: Training
    calibration: Calibration
    metrics: dict[Text, float] = {}
    classes: Annotated[list[Text], Field(max_length=MOST_CLASSES)] = []
    decomposes: bool = False
    parts: dict[Text, Sha256] = {}

    @property
    def flows_per_s(self) -> float:
        """Flows a second in the baseline."""
        return self.calibration.flows_per_s


def sealed_features(features: Iterable[Feature]) -> list[SealedFeature]:
    """Features as a manifest holds them."""
    return [SealedFeature(name=f.name, unit=f.unit, scale=f.scale, words=f.words) for f in features]


def schema_sha256(features: Sequence[SealedFeature]) -> str:
    """The hash of a list of features, in order: one that differs in any word has another."""
    rows = [[feature.name, feature.unit, feature.scale.value, feature.words] for feature in features]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
