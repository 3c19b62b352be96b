"""More rows to learn from: attacks of the rare kinds, made like those that are known, or flows seen otherwise.

They are made within each fit, of the rows that the fit learns from, and added to those alone: no row that was held
back is learnt from, and none that was made is ever held back (`learning/proof.py` sees to it, and checks it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.learning.learn import FEWEST_ROWS, Augment, Split
from oddflow.learning.proof import augmented
from oddflow.learning.resampling import between_neighbours, repeated
from oddflow.learning.traffic import Strengths, changed, strengths_for
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler

FEWEST_OF_A_KIND = 8
"""Of fewer attacks nothing is made: too little is known of them."""


class Way(StrEnum):
    """How rows are made.

    CONDITIONAL_GAN, WGAN_GP, VAE: by networks, see `training.samples.Maker`. SMOTE: between neighbours. OVERSAMPLE: the
    same ones again. UNDERSAMPLE: none; normal rows are left out. TRAFFIC: flows as another sensor would have seen them.
    """

    CONDITIONAL_GAN = "conditional-gan"
    WGAN_GP = "wgan-gp"
    VAE = "vae"
    SMOTE = "smote"
    OVERSAMPLE = "oversample"
    UNDERSAMPLE = "undersample"
    TRAFFIC = "traffic"


NEEDS = {Way.CONDITIONAL_GAN: "torch", Way.WGAN_GP: "torch", Way.VAE: "torch", Way.SMOTE: "imblearn"}
OPTIONS = {Way.SMOTE: ("neighbours",), Way.TRAFFIC: ("loss", "jitter", "truncate", "pad")}

Kinds = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How rows are made for a fit.

    Args:
        maker: A word of `Way`, and options of it behind colons: "smote:neighbours=3", "traffic:loss=0.1:pad=0" (see
            `learning.traffic.Strengths`).
        features: The columns of a row.
        share: Each kind of attack is brought up to this share of the normal rows, and one that has as many is left;
            "traffic" makes this share of normal rows as well; "undersample" leaves normal rows out until the rarest
            kind has this share of them.
        seed: Of all chance in it.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets"; for rare attacks, Lee & Park 2021,
    "GAN-based imbalanced data intrusion detection system"; Chawla et al. 2002 (SMOTE).

    Raises:
        UsageError: There is no such maker or option, it is not installed, it cannot make such rows, or the share is
            none.
    """

    maker: str
    features: Sequence[Feature]
    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what nothing can be made with."""
        if not 0 < self.share <= 1:
            raise UsageError(
                f"--augment-to must be above 0 and at most 1, a share of normal rows; {self.share!r} given"
            )
        way, options = self._read()
        if find_spec(NEEDS.get(way, "numpy")) is None:
            raise UsageError(f"--augment {way} needs {NEEDS[way]}: pip install 'oddflow[train]'")
        if way is Way.TRAFFIC:
            strengths_for(self.features, Strengths(**options))
        if not 1 <= options.get("neighbours", 5) <= 1_000:
            raise UsageError(f"neighbours of smote must be from 1 to 1,000; {options['neighbours']:g} given")

    def _read(self) -> tuple[Way, dict[str, float]]:
        word, *texts = self.maker.split(":")
        if word not in list(Way):
            raise UsageError(f"--augment must be one of {', '.join(Way)}; {word!r} given")
        way, options = Way(word), {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in OPTIONS.get(way, ()):
                known = ", ".join(OPTIONS.get(way, ())) or "none"
                raise UsageError(
                    f"--augment {way} has no option {name!r}; write NAME=VALUE with one of its own: {known}"
                )
            try:
                options[name] = float(value)
            except ValueError:
                raise UsageError(f"{name} of --augment {way} must be a number; {value!r} given") from None
        return way, options

    @property
    def told(self) -> str:
        """How it makes them, for the manifest."""
        return f"{self.maker}, to a share of {self.share:g}"

    @property
    def normal(self) -> bool:
        """Whether it makes normal rows too: only flows that are seen otherwise are as normal as they were."""
        return self._read()[0] is Way.TRAFFIC

    def __call__(self, split: Split) -> Split:
        """The split with rows added to those that are learnt; all else in it is the same."""
        way, options = self._read()
        if way is Way.UNDERSAMPLE:
            return self._with_fewer(split)
        if way is Way.TRAFFIC:
            split = self._with_normal(split, Strengths(**options))
        kinds, places = np.unique(split.kinds, return_inverse=True)
        seen = replace(split, fit=split.fit[: len(split.fit) - split.made_normal]).known
        wanted = self._wanted(np.bincount(places.reshape(-1), minlength=len(kinds)), len(seen))
        if not wanted:
            return split
        x = np.concatenate([seen, split.attacks])
        classes = np.concatenate([np.zeros(len(seen), np.int64), 1 + places.reshape(-1)])
        made = self._made(way, options, x, classes, wanted)
        added = np.concatenate([np.full(len(part), kinds[kind - 1]) for kind, part in made.items()])
        return replace(
            split,
            attacks=np.concatenate([split.attacks, *made.values()]),
            kinds=np.concatenate([split.kinds, added]),
            made=len(added),
        )

    def _wanted(self, counts: Kinds, normal: int) -> dict[int, int]:
        """How many rows are made of which classes; class 0 is normal, and the kinds of attack follow."""
        goal = round(self.share * normal)
        return {1 + place: goal - int(count) for place, count in enumerate(counts) if FEWEST_OF_A_KIND <= count < goal}

    def _made(
        self, way: Way, options: Mapping[str, float], x: Floats, classes: Kinds, wanted: Mapping[int, int]
    ) -> dict[int, Floats]:
        if way is Way.TRAFFIC:
            again = repeated(x, classes, wanted, seed=self.seed)
            return {kind: self._changed(rows, Strengths(**options), kind) for kind, rows in again.items()}
        if way is Way.OVERSAMPLE:
            return repeated(x, classes, wanted, seed=self.seed)
        if way is Way.SMOTE:
            neighbours = int(options.get("neighbours", 5))
            new = between_neighbours(x, classes, wanted, self.features, neighbours=neighbours, seed=self.seed)
            return {kind: _within(rows, x[classes == kind]) for kind, rows in new.items()}
        return self._drawn(way, x, classes, wanted)

    def _drawn(self, way: Way, x: Floats, classes: Kinds, wanted: Mapping[int, int]) -> dict[int, Floats]:
        import torch  # noqa: PLC0415  (the other ways do without)

        from oddflow.training import samples  # noqa: PLC0415

        scaler = Scaler.fit(x, self.features)
        scaled = scaler.transform(x)
        given = (torch.from_numpy(scaled), torch.from_numpy(classes), dict(wanted))
        drawn = samples.more_like(samples.Maker(way), *given, seed=self.seed)
        return {
            kind: _like(scaler, part.numpy(), x[classes == kind], scaled[classes == kind])
            for kind, part in drawn.items()
        }

    def _with_normal(self, split: Split, strengths: Strengths) -> Split:
        """As large a share of normal rows more: else whatever is cut short or delayed would look like an attack."""
        count = round(self.share * len(split.fit))
        again = np.random.default_rng([self.seed, 9]).choice(split.fit, count) if count else split.fit[:0]
        rows = self._changed(again, strengths, 0)
        return replace(split, fit=np.concatenate([split.fit, rows]), made_normal=count)

    def _changed(self, rows: Floats, strengths: Strengths, kind: int) -> Floats:
        return changed(rows, self.features, strengths, np.random.default_rng([self.seed, 10, kind]))

    def _with_fewer(self, split: Split) -> Split:
        counts = np.unique(split.kinds, return_counts=True)[1]
        enough = counts[counts >= FEWEST_OF_A_KIND]
        if not len(enough):
            return split
        goal = max(FEWEST_ROWS, round(int(enough.min()) / self.share)) - len(split.validation)
        if goal >= len(split.fit):
            return split
        kept = np.random.default_rng([self.seed, 11]).permutation(len(split.fit))[: max(1, goal)]
        return replace(split, fit=split.fit[np.sort(kept)])


def fit_augmented(detector: Detector, x: ArrayLike, y: Kinds | None, augment: Augment, *, unseen: ArrayLike) -> Split:
    """Fits a detector on rows and those that are made of them; no row to test on is seen, and none is made.

    Args:
        detector: Not fitted yet.
        x: Raw rows to learn from, (n, d).
        y: What each is, 0 for normal, (n,); None for a detector that learns from normal rows alone.
        augment: What makes rows.
        unseen: Rows to test on, (m, d): what is made is compared with them.

    Returns:
        What it learnt from, with how many rows were made, and how many were compared and dropped.

    Raises:
        UsageError: It learns from normal rows alone, and only attacks are made.
        LearningFailed: Made rows are rows to test on; see `learning.proof.augmented`.
    """
    rows, labels = np.asarray(x, np.float32), np.zeros(len(np.asarray(x)), np.int64) if y is None else y
    if not detector.supervised and not augment.normal:
        raise UsageError(f"{detector.name} learns from normal rows alone; of these makers only traffic makes such")
    normal = rows[labels == 0]
    attacks, kinds = (rows[labels > 0], labels[labels > 0]) if detector.supervised else (rows[:0], labels[:0])
    cut = len(normal) - max(1, len(normal) // 5) if detector.stops_early else len(normal)
    split = Split(normal[:cut], normal[cut:], np.asarray(unseen, np.float32), attacks, kinds)
    more = augmented(split, augment, supervised=detector.supervised, watches=detector.watches_last)
    more.teach(detector)
    return more


def _like(scaler: Scaler, made: Floats, true: Floats, true_scaled: Floats) -> Floats:
    """Raw rows of scaled ones, without categories that the class never had: (k, m), (n, d), (n, m) -> (k, d)."""
    never = scaler.known & (true_scaled.max(axis=0) <= 0)
    return _within(scaler.inverse(np.where(never, np.float32(-1e9), made)), true)


def _within(rows: Floats, true: Floats) -> Floats:
    """Rows within what the class was seen to be: its range, and whole numbers where all were, (k, d), (n, d)."""
    whole = (true == np.round(true)).all(axis=0)
    rows = np.where(whole, np.round(rows), rows)
    return np.asarray(np.clip(rows, true.min(axis=0), true.max(axis=0)), np.float32)
