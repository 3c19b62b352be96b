"""What a configuration is worth: learnt on part of the rows to learn from, judged on the rest of them."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.detectors.base import Detector, Exportable
from oddflow.errors import UsageError
from oddflow.evaluation.measures import average_precision, roc_area
from oddflow.tuning.folds import Dealing, Dealt, Fold, in_order
from oddflow.tuning.material import Material, Places
from oddflow.tuning.planted import planted

if TYPE_CHECKING:
    from oddflow.training.loop import EpochTold

FEWEST_JUDGING = 5
"""Attacks of a family; fewer say nothing of it."""


class Purpose(StrEnum):
    """What judges a configuration."""

    LABELS = "labels"
    FAMILIES = "families"
    PLANTED = "planted"


TOLD = {
    Purpose.LABELS: "learnt from labelled rows and judged on labelled rows that were held back",
    Purpose.FAMILIES: "learnt on normal rows and judged by how each family of attacks of the rows to learn from stands "
    "out from normal rows that were held back; each family counts the same, and none is learnt",
    Purpose.PLANTED: "no attack is known: judged by how rows stand out that were made of held-back normal ones, each "
    "value in range, but of several rows. It says how well a detector sees what belongs together, and nothing of "
    "attacks that look otherwise",
}


class Measure(StrEnum):
    """What is made as great as can be."""

    ROC_AREA = "roc-auc"
    AVERAGE_PRECISION = "average-precision"
    MACRO_F1 = "macro-f1"


class Cost(StrEnum):
    """What is made as small as can be beside it."""

    PARAMETERS = "parameters"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one fold says of a configuration.

    Attributes:
        value: The measure; over families, their mean.
        families: The measure of each family of attacks by itself.
        costs: Numbers that were learnt, and processor seconds of learning.
    """

    value: float
    families: Mapping[str, float]
    costs: Mapping[Cost, float]


@dataclass(frozen=True, slots=True)
class Objective:
    """Judges configurations of a detector on folds of the rows to learn from.

    Attributes:
        kind: The detector.
        fixed: Options that are the same in all configurations.
        material: The rows.
        purpose, measure: What judges.
        folds: The same for all configurations.
        by: What rows of a fold have in common.
        seed: Of the detectors, and of what is planted.
    """

    kind: type[Detector]
    fixed: Mapping[str, Any]
    material: Material
    purpose: Purpose
    measure: Measure
    folds: tuple[Fold, ...]
    by: Dealt
    seed: int

    @classmethod
    def of(
        cls,
        kind: type[Detector],
        fixed: Mapping[str, Any],
        material: Material,
        *,
        dealing: Dealing,
        measure: str = "",
        seed: int = 0,
    ) -> "Objective":
        """What the rows allow: labels where the detector learns from them, else families of attacks, else planted rows.

        Raises:
            UsageError: The detector needs labels that the rows lack, cannot be judged without, or by that measure.
        """
        attacks = material.is_attack.any()
        if kind.supervised and not attacks:
            raise UsageError(
                f"{kind.name} learns from attacks; give --truth TRUTH.csv, or a --dataset, that tells them"
            )
        purpose = Purpose.LABELS if kind.supervised else Purpose.FAMILIES if attacks else Purpose.PLANTED
        if purpose is Purpose.PLANTED and not kind.relations:
            raise UsageError(
                f"{kind.name} looks at each column by itself, so nothing in range can be planted that it sees, and "
                "no attack is known; give --truth TRUTH.csv, or tune a detector that sees what belongs together"
            )
        usual = Measure.AVERAGE_PRECISION if purpose is Purpose.LABELS else Measure.ROC_AREA
        chosen = _measure(measure, kind) if measure else usual
        by, folds = dealing.of(material, needs_attacks=purpose is Purpose.LABELS)
        return cls(kind, dict(fixed), material, purpose, chosen, tuple(folds), by, seed)

    def judge(self, options: Mapping[str, Any], number: int, told: "EpochTold | None" = None) -> Judgement:
        """Learns one fold and judges on the rows that it holds back.

        Args:
            options: Of the configuration, beside those that are fixed.
            number: Of the fold.
            told: Told of each epoch, where the detector learns in epochs.

        Raises:
            UsageError: The options do not go together.
            LearningFailed: It diverged.
        """
        fold, given = self.folds[number], {**self.fixed, **options}
        known = registry.options(self.kind)
        given |= {"seed": self.seed} if "seed" in known else {}
        given |= {"told": told} if told and "told" in known else {}
        detector = registry.create(self.kind, self.material.features, **given)
        learnt = in_order(self.material, fold.learnt, self.seed)
        x, y = self.material.x[learnt], self.material.kinds[learnt] if self.kind.supervised else None
        began = process_time()
        with warnings.catch_warnings():
            # odd options make solvers and scalers warn; a configuration that is bad for it is judged bad
            warnings.simplefilter("ignore")
            detector.fit(x, y)
            learning_s = process_time() - began
            families = self._families(detector, fold)
            value = float(np.mean(list(families.values()))) if families else self._of_labels(detector, fold)
        numbers = float(sum(array.size for array in detector.weights().values()))
        return Judgement(value, families, {Cost.PARAMETERS: numbers, Cost.LEARNING: learning_s})

    def _families(self, detector: Detector, fold: Fold) -> dict[str, float]:
        """How well each family stands out from the normal rows that are held back; none where labels were learnt."""
        if self.purpose is Purpose.LABELS:
            return {}
        judged = self.material.x[fold.judged]
        is_attack = self.material.is_attack[fold.judged]
        normal = judged[~is_attack]
        groups = self._known(judged[is_attack], fold) if is_attack.any() else planted(normal, self.seed)
        normal_scores = detector.decision_function(normal)
        return {
            name: self._stands_out(normal_scores, detector.decision_function(rows)) for name, rows in groups.items()
        }

    def _known(self, attacks: NDArray[np.float32], fold: Fold) -> dict[str, NDArray[np.float32]]:
        of = self.material.families[fold.judged][self.material.is_attack[fold.judged]]
        found = {self.material.names[family]: attacks[of == family] for family in np.unique(of)}
        return {name: rows for name, rows in found.items() if len(rows) >= FEWEST_JUDGING} or {"attacks": attacks}

    def _stands_out(self, normal: NDArray[np.float32], odd: NDArray[np.float32]) -> float:
        truth = np.repeat([False, True], [len(normal), len(odd)])
        return _MEASURES[self.measure](np.concatenate([normal, odd]), truth)

    def _of_labels(self, detector: Detector, fold: Fold) -> float:
        x, kinds = self.material.x[fold.judged], self.material.kinds[fold.judged]
        if self.measure is Measure.MACRO_F1:
            return macro_f1(_told_apart(detector, x), kinds)
        return _MEASURES[self.measure](detector.decision_function(x), kinds > 0)


_MEASURES = {Measure.ROC_AREA: roc_area, Measure.AVERAGE_PRECISION: average_precision}


def _measure(text: str, kind: type[Detector]) -> Measure:
    if text not in list(Measure):
        raise UsageError(f"--measure must be one of {', '.join(Measure)}; {text!r} given")
    if text == Measure.MACRO_F1 and not (kind.several_classes and kind.exportable is Exportable.ONNX):
        raise UsageError(f"{kind.name} does not tell kinds of attack apart; choose another --measure than {text}")
    return Measure(text)


def macro_f1(found: Places, kinds: Places) -> float:
    """The mean of the F1 of each kind that there is: (n,), (n,) -> 0 to 1.

    >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])), 4)
    0.7333
    """
    each = []
    for kind in np.unique(kinds):
        hits = int(((found == kind) & (kinds == kind)).sum())
        each.append(2 * hits / (int((found == kind).sum()) + int((kinds == kind).sum())))
    return float(np.mean(each))


def _told_apart(detector: Detector, x: NDArray[np.float32]) -> Places:
    """The likeliest kind of each row, as the sealed model would tell it: (n, d) -> (n,)."""
    from onnxruntime import InferenceSession  # noqa: PLC0415  (it takes a while to import, and few measures need it)

    session = InferenceSession(detector.graph().SerializeToString(), providers=["CPUExecutionProvider"])
    (classes,) = session.run(["classes"], {"x": x})
    likeliest = np.asarray(classes).argmax(axis=1)
    return np.asarray(np.take(np.array(detector.kinds(), np.int64), likeliest))
