"""A baseline to a sealed model: split by time, fit, calibrate on what was held back, seal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from oddflow import __version__
from oddflow.datasets.rows import CATEGORIES
from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.detectors.labels import check_labels
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.learning.known import Known
from oddflow.learning.proof import NOTHING, Compared, augmented
from oddflow.learning.seal import seal_detector
from oddflow.models.format import Archive, with_groups
from oddflow.models.held_back import Circumstances, Origins, block_length_s
from oddflow.models.manifest import (
    FORMAT_VERSION,
    Calibration,
    Manifest,
    Provenance,
    Source,
    Training,
    schema_sha256,
    sealed_features,
)
from oddflow.models.rows import Floats
from oddflow.training.run import session

STRETCHES = 4
VALIDATION_SHARE = 0.15
"""Of the rows that are learnt from, the last in time tell when to stop."""

CROSS_AT_MOST = 40_000
"""Of more rows the last quarter alone is held back: 10,000 scores are enough, and learning five times is not."""

FEWEST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a baseline by their use, each a stretch of time of its own.

    Attributes:
        fit, validation, held_back: Normal rows, (n, d).
        attacks: Attacks of the time that fit and validation rows are from, (a, d); none for unsupervised detectors.
        kinds: What each attack is, 1 or more, (a,) int64.
        owners: The flows that held-back rows went to, (m,), where rows are packets; else None.
        marks: Which parts of the attacks are one, (a, p); None where nobody knows.
        places: Which rows of the baseline the held-back ones are, (m,); None where nobody asks.
        made: How many of the attacks, the last ones, were made and not seen (`learning/augment.py`).
        made_normal: How many of the rows to fit, the last ones.
        compared: What was checked of them (`learning/proof.py`).
    """

    fit: Floats
    validation: Floats
    held_back: Floats
    attacks: Floats
    kinds: NDArray[np.int64]
    owners: NDArray[np.int64] | None = None
    marks: NDArray[np.bool_] | None = None
    places: NDArray[np.int64] | None = None
    made: int = 0
    made_normal: int = 0
    compared: Compared = NOTHING

    @classmethod
    def of(
        cls,
        known: Floats,
        held_back: Floats,
        attacks: Floats,
        kinds: NDArray[np.int64],
        owners: NDArray[np.int64] | None = None,
        marks: NDArray[np.bool_] | None = None,
    ) -> "Split":
        """The last 15 % of the known rows, in time order, are for validation."""
        cut = round(len(known) * (1 - VALIDATION_SHARE))
        return cls(known[:cut], known[cut:], held_back, attacks, kinds, owners, marks)

    @property
    def known(self) -> Floats:
        """Normal rows that were learnt from, (n, d)."""
        return np.concatenate([self.fit, self.validation])

    @property
    def marks_of_made(self) -> NDArray[np.bool_] | None:
        """Which of the known rows and the attacks behind them were made, (n + a,); None where none was."""
        if not self.made + self.made_normal:
            return None
        normal = np.arange(len(self.known))
        fitted = len(self.fit)
        is_made = (normal >= fitted - self.made_normal) & (normal < fitted)
        return np.concatenate([is_made, np.arange(len(self.attacks)) >= len(self.attacks) - self.made])

    def teach(self, detector: Detector, unlabelled: Floats | None = None) -> Detector:
        """Fits a detector; attacks, and rows without labels (u, d), only where it learns from them."""
        if not detector.supervised:
            return detector.fit(self.fit, validation=self.validation if len(self.validation) else None)
        known = self.known
        rows = np.concatenate([known, self.attacks])
        labels = np.concatenate([np.zeros(len(known), np.int64), self.kinds])
        if self.marks is None:
            return detector.fit(rows, labels, made=self.marks_of_made, unlabelled=unlabelled)
        normal = np.zeros((len(known), self.marks.shape[1]), bool)
        return detector.fit(rows, labels, marks=np.concatenate([normal, self.marks]))

    def scores(self, fitted: Detector) -> Floats:
        """Of held-back flows: of each its own, or that of its worst packet, (k,)."""
        scores = fitted.decision_function(self.held_back)
        if self.owners is None:
            return scores
        flows, places = np.unique(self.owners, return_inverse=True)
        worst = np.zeros(len(flows), np.float32)
        np.maximum.at(worst, places, scores)
        return worst

    def scored(self) -> NDArray[np.int64]:
        """Which rows of the baseline the scores are of, (k,): of each held-back flow its own, or that of its last."""
        assert self.places is not None  # noqa: S101  (`splits` always gives them)
        if self.owners is None:
            return self.places
        _, from_last = np.unique(self.owners[::-1], return_index=True)
        return self.places[::-1][from_last]


def splits(gathered: Gathered) -> list[Split]:
    """Four splits, each with another quarter of the time held back; only the last of them for many rows.

    Together they hold each normal row back once, so that all of a short baseline sets the threshold (cross-conformal
    calibration: Vovk 2015, "Cross-conformal predictors"). Quarters are of the normal rows; attacks belong to the
    quarter that was when they ended, and where all of them are in one, the three splits without it are left.

    Raises:
        UsageError: There are too few rows.
    """
    order = np.argsort(gathered.times_ns, kind="stable")
    x, y, times_ns = gathered.x[order], _labels(gathered)[order], gathered.times_ns[order]
    is_attack = y > 0
    marks = None if gathered.marks is None else gathered.marks[order][is_attack]
    x, attacks, kinds = x[~is_attack], x[is_attack], y[is_attack]
    normal = order[~is_attack]
    owners = gathered.owners[order] if len(gathered.owners) else None
    count = len(x)
    flows = count if owners is None else gathered.flows
    if flows < FEWEST_ROWS:
        raise UsageError(f"{flows} flows are too few to learn from; give a capture with {FEWEST_ROWS} or more")
    edges = [round(count * place / STRETCHES) for place in range(STRETCHES + 1)]
    begins = times_ns[~is_attack][edges[1:-1]]
    stretch = np.searchsorted(begins, times_ns[is_attack], side="right")
    found = [
        replace(
            Split.of(
                np.concatenate([x[:start], x[end:]]),
                x[start:end],
                attacks[stretch != place],
                kinds[stretch != place],
                None if owners is None else owners[start:end],
                None if marks is None else marks[stretch != place],
            ),
            places=normal[start:end],
        )
        for place, (start, end) in enumerate(pairwise(edges))
    ]
    if len(attacks):
        found = [split for split in found if len(split.attacks)]
    return found if count <= CROSS_AT_MOST else found[-1:]


class Augment(Protocol):
    """Makes rows for a fit of those that it learns from; `proof.augmented` shows it no others, and checks it."""

    @property
    def told(self) -> str:
        """How it makes them, in words for the manifest."""

    @property
    def normal(self) -> bool:
        """Whether it makes normal rows too."""

    def __call__(self, split: Split) -> Split:
        """The split with rows added behind its attacks and its rows to fit, and how many: `made`, `made_normal`."""


def learn(
    gathered: Gathered,
    *,
    detector: str | type[Detector] | None = None,
    seed: int = 0,
    augment: Augment | None = None,
    unlabelled: Floats | None = None,
    **options: Any,
) -> Archive:
    """Learns a baseline that is believed to be normal, or whose attacks are known.

    Args:
        gathered: Its feature rows. Where they have labels, the threshold is set by normal rows alone; attacks are
            learnt by supervised detectors and left out by others.
        detector: By name, or a class of your own; the best that is installed unless given.
        seed: Of all chance in it.
        augment: What makes more rows, within each fit (`learning/augment.py`).
        unlabelled: Rows that nobody knows what they are, (u, d), for networks that learn from labels beside.
        options: Of the detector.

    Raises:
        UsageError: Too few rows, no such detector or option, one that cannot be sealed, attacks to make for a detector
            that learns from none, or labels of one kind alone for a supervised one.
        LearningFailed: It diverged.
    """
    kind = registry.sealable(detector or registry.default())
    is_supervised = kind.supervised
    if is_supervised:
        check_labels(gathered.y, len(gathered.x), kind.name)
    elif augment and not augment.normal:
        raise UsageError(
            f"{kind.name} learns from normal rows alone; --augment makes attacks, for detectors that need labels, "
            "unless it is traffic"
        )
    if unlabelled is not None and not kind.uses_unlabelled:
        raise UsageError(f"{kind.name} has no use for rows without labels; networks that learn from labels have")
    if augment and gathered.marks is not None:
        raise UsageError("attacks that are made have no labels of packets; leave --augment or --packet-labels out")
    if augment and len(gathered.owners):
        raise UsageError(f"{kind.name} learns from packets, and none are made; leave --augment out")

    def added(split: Split) -> Split:
        if augment is None:
            return split
        return augmented(split, augment, supervised=is_supervised, watches=kind.watches_last)

    started = perf_counter()
    seen = splits(gathered)
    parts = [added(split) for split in seen]

    def taught_by(split: Split) -> Detector:
        return split.teach(registry.create(kind, gathered.features, seed=seed, **options), unlabelled)

    fitted = [taught_by(split) for split in parts]
    held_back = np.concatenate([split.scores(one) for one, split in zip(fitted, parts, strict=True)])
    sealed, used, known, taught = fitted[-1], parts[-1], seen[-1].known, parts
    if (_labels(gathered) == 0).sum() <= CROSS_AT_MOST:
        whole = _whole(gathered)
        used, known = added(whole), whole.known
        taught = [*parts, used]
        sealed = taught_by(used)
    training = Training(
        fit_rows=len(used.known) + len(used.attacks) if is_supervised else len(used.fit),
        validation_rows=0 if is_supervised else len(used.validation),
        calibration_rows=len(held_back),
        made_rows=used.made + used.made_normal,
        made_by=augment.told if augment else "",
        unlabelled_rows=0 if unlabelled is None else len(unlabelled),
        begun_from=_begun(),
        compared_rows=sum(part.compared.rows for part in taught),
        dropped_rows=sum(part.compared.dropped for part in taught),
        **_epochs(sealed),
    )
    return archive_of(
        gathered,
        sealed,
        options={key: shown_option(value) for key, value in options.items() if key != "told"} | {"seed": seed},
        known=known,
        scores=held_back,
        scored=np.concatenate([split.scored() for split in parts]),
        training=training,
        duration_s=perf_counter() - started,
        metrics=_metrics(sealed),
    )


def _begun() -> str:
    """What weights fits began from, in words; nothing where it was chance."""
    beginning = session().beginning
    return beginning.told() if beginning else ""


def shown_option(option: Any) -> Any:
    """An option as the manifest keeps it: JSON knows no tuples, and of what it cannot hold at all the name is kept."""
    if callable(option):
        return f"{option.__module__}.{option.__qualname__}"
    return list(option) if isinstance(option, tuple) else option


def _labels(gathered: Gathered) -> NDArray[np.int64]:
    return np.zeros(len(gathered.x), np.int64) if gathered.y is None else gathered.y


def _whole(gathered: Gathered) -> Split:
    """All rows to learn from: nothing is held back."""
    order = np.argsort(gathered.times_ns, kind="stable")
    x, y = gathered.x[order], _labels(gathered)[order]
    marks = None if gathered.marks is None else gathered.marks[order][y > 0]
    return Split.of(x[y == 0], x[:0], x[y > 0], y[y > 0], marks=marks)


def _epochs(fitted: Detector) -> dict[str, Any]:
    history = getattr(fitted, "history_", None)
    if history is None:
        return {}
    return {
        "epochs": len(history.epochs),
        "fit_losses": [epoch.train_loss for epoch in history.epochs],
        "validation_losses": [epoch.validation_loss for epoch in history.epochs],
        "gradients": _gradients([epoch.gradients for epoch in history.epochs]),
    }


def _gradients(norms: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float, float]]:
    """The least, the median and the greatest norm of each parameter's gradient over epochs."""
    found = {name: np.array([epoch[name] for epoch in norms if name in epoch]) for name in norms[-1]}
    return {name: (float(one.min()), float(np.median(one)), float(one.max())) for name, one in found.items()}


def _metrics(fitted: Detector) -> dict[str, float]:
    """How well the samples of a detector that generates stand for what it learnt (`training/quality.py`)."""
    quality = getattr(fitted, "quality_", None)
    return {} if quality is None else {f"samples_{name}": value for name, value in asdict(quality).items()}


def archive_of(  # noqa: PLR0913  (each is by keyword)
    gathered: Gathered,
    fitted: Detector,
    *,
    options: dict[str, Any],
    known: Floats | Known,
    scores: Floats,
    training: Training,
    scored: NDArray[np.int64] | None = None,
    circumstances: Circumstances | None = None,
    duration_s: float = 0.0,
    metrics: dict[str, float] | None = None,
    classes: Sequence[str] | None = None,
) -> Archive:
    """Seals a fitted detector with all that is known of how it was made.

    Args:
        gathered: What it was learnt from.
        fitted: The detector.
        options: It was made with.
        known: Rows that it was fitted on, (n, d), or what is known of them.
        scores: Of rows that it was not fitted on, (m,).
        training: How many rows, how many epochs.
        scored: Which rows of the baseline these are, (m,); None where their origins are not to be sealed.
        circumstances: Of these; those that their rows tell unless given.
        duration_s: Of learning.
        metrics: What was measured of it.
        classes: Names of the kinds that it tells apart; those of `AttackCategory` unless given.
    """
    features = sealed_features(gathered.features)
    told = known if isinstance(known, Known) else Known.of(known, gathered.features)
    block_s = 0.0 if scored is None else block_length_s(gathered.times_ns[scored])
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        oddflow_version=__version__,
        detector=fitted.name,
        options=options,
        features=features,
        feature_schema_version=gathered.version,
        feature_schema_sha256=schema_sha256(features),
        ranges=told.ranges,
        groups=told.groups,
        meter=dict(gathered.settings.as_dict()),
        context=gathered.context,
        home_networks=list(gathered.home_networks),
        pseudonyms=gathered.pseudonyms,
        provenance=_provenance(gathered, options, duration_s),
        training=training,
        calibration=Calibration(rows=len(scores), flows_per_s=gathered.flows / gathered.span_s, block_s=block_s),
        metrics=metrics or {},
        classes=list(classes or (CATEGORIES[kind].value for kind in fitted.kinds())),
        decomposes=fitted.decomposes,
    )
    origins = None if scored is None else _origins(gathered, scored, block_s, circumstances)
    sealed = seal_detector(fitted, manifest, scores, told.checked, origins, told.prototypes, spread=told.spread)
    return with_groups(sealed, gathered.groups) if gathered.groups else sealed


def _origins(
    gathered: Gathered, scored: NDArray[np.int64], block_s: float, circumstances: Circumstances | None
) -> Origins:
    """Where rows of a baseline came from, (m,); rows whose hosts nobody knows are of one host."""
    times_ns = gathered.times_ns[scored]
    hosts = gathered.hosts[scored] if len(gathered.hosts) else np.zeros(len(scored), np.uint32)
    told = circumstances or Circumstances.of(gathered.x[scored], times_ns, gathered.features)
    return Origins.of(hosts, times_ns, block_s, told)


def _provenance(gathered: Gathered, options: dict[str, Any], duration_s: float) -> Provenance:
    return Provenance(
        sources=[
            Source(
                name=_told(gathered.privacy.name(seen.name)),
                sha256=seen.sha256,
                bytes=seen.total_bytes,
                flows=seen.flows,
            )
            for seen in gathered.seen
        ],
        start=_iso(gathered.start_ns),
        end=_iso(gathered.end_ns),
        seed=int(options.get("seed", 0)),
        durations_s={"learning": round(duration_s, 3)},
        losses=dict(gathered.ledger.reasons),
    )


def _told(name: str) -> str:
    """A name that JSON can hold: file names need not be UTF-8."""
    return name.encode("utf-8", "replace").decode()[-4_096:]


def _iso(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype("datetime64[ms]")) + "Z"
