"""An entry of a protocol, learnt: detectors and references behind one face."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.rows import Split
from oddflow.detectors import registry
from oddflow.detectors.base import Detector, Exportable
from oddflow.errors import UsageError
from oddflow.evaluation.problem import Problem
from oddflow.evaluation.protocol import Entry
from oddflow.evaluation.references import is_reference, reference
from oddflow.evaluation.trivial import Classifier
from oddflow.features.gathering import Gathered
from oddflow.learning import learn as learning
from oddflow.learning.augment import Augmentation, fit_augmented
from oddflow.learning.labelled import baseline
from oddflow.models.format import GRAPH, STATE
from oddflow.models.manifest import Training
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel

Places = NDArray[np.int64]
LEAST = 1e-6


class Learnt(ABC):
    """What was learnt: scores, and probabilities of classes where it tells any.

    Attributes:
        parameters: Numbers that were learnt; None where nobody counts them.
        sealed_bytes: Size of its graph or its state; None where it cannot be sealed.
    """

    parameters: int | None = None
    sealed_bytes: int | None = None

    @abstractmethod
    def seal(self, train: Places) -> None:
        """Seals it where that can be; it then scores as it would to detect. `train` are the rows that it learnt."""

    @abstractmethod
    def scores(self, x: Floats) -> Floats:
        """Higher is odder: (n, d) -> (n,)."""

    @abstractmethod
    def probabilities(self, x: Floats) -> Floats | None:
        """Of the k classes of the problem: (n, d) -> (n, k); None where it tells none."""


def is_supervised(entry: Entry) -> bool:
    """Whether an entry learns from attacks too."""
    return is_reference(entry.detector) or registry.find(registry.told(entry.detector)[0]).supervised


def check(entry: Entry, classes: int) -> None:
    """Refuses an entry that cannot be learnt, before any row is read.

    Raises:
        UsageError: There is no such detector or option, or it does not tell so many classes.
    """
    if is_reference(entry.detector):
        reference(entry.detector, 0)
        return
    name, _ = registry.told(entry.detector)
    kind = registry.find(name)
    if classes > 2 and not (kind.supervised and kind.several_classes):
        raise UsageError(f"{name} does not tell kinds of attack apart; leave it out, or tell two classes")


def learn(entry: Entry, problem: Problem, train: Places, *, seed: int, unseen: Places) -> Learnt:
    """Learns an entry on some rows of a problem.

    Args:
        entry: Which.
        problem: The rows.
        train: Places of those to learn from; what learns no attacks leaves them out.
        seed: Of all chance in it.
        unseen: Places of rows to test on: rows that are made must not be among them.

    Raises:
        UsageError, LearningFailed: As the detector raises them.
    """
    order = train
    if problem.rows.times_ns is None:
        # sets often stand in the order of their classes, and the last rows tell a detector when to stop
        order = train[np.random.default_rng([seed, 6]).permutation(len(train))]
    if is_reference(entry.detector):
        if entry.augment:
            raise UsageError(f"{entry.title} is a reference, and learns the rows as they are; leave augment out")
        classifier = reference(entry.detector, seed)
        classifier.fit(problem.rows.filled()[order], problem.codes[order])
        return _Reference(classifier, problem)
    return _Detector.learnt(entry, problem, order, seed, unseen)


def _attack_score(probabilities: Floats, is_attack: NDArray[np.bool_]) -> Floats:
    """Log-odds of an attack: (n, k) -> (n,)."""
    attack = probabilities[:, is_attack].sum(axis=1, dtype=np.float64)
    normal = probabilities[:, ~is_attack].sum(axis=1, dtype=np.float64)
    return np.asarray(np.log(attack + LEAST**2) - np.log(normal + LEAST**2), np.float32)


@dataclass
class _Reference(Learnt):
    classifier: Classifier
    problem: Problem

    def seal(self, train: Places) -> None:
        """Nothing: it is no model."""

    def scores(self, x: Floats) -> Floats:
        return _attack_score(self.probabilities(x), self.problem.is_attack)

    def probabilities(self, x: Floats) -> Floats:
        known = np.asarray(self.classifier.classes_)  # type: ignore[attr-defined]
        found = np.zeros((len(x), len(self.problem.names)), np.float32)
        found[:, known] = self.classifier.predict_proba(x)
        return found


@dataclass
class _Detector(Learnt):
    """A detector, sealed where it can be: then the model scores, as it would to detect."""

    fitted: Detector
    model: SealedModel | None
    problem: Problem

    @classmethod
    def learnt(cls, entry: Entry, problem: Problem, order: Places, seed: int, unseen: Places) -> "_Detector":
        name, options = registry.told(entry.detector)
        kind = registry.find(name)
        gathered = _gathered(problem, order, attacks=kind.supervised)
        detector = registry.create(kind, gathered.features, seed=seed, **options)
        if entry.augment:
            more = Augmentation(entry.augment, gathered.features, entry.augment_to, seed)
            fit_augmented(detector, gathered.x, gathered.y, more, unseen=problem.rows.filled()[unseen])
        else:
            detector.fit(gathered.x, gathered.y)
        learnt = cls(detector, None, problem)
        learnt.parameters = sum(int(np.size(weights)) for weights in detector.weights().values()) or None
        return learnt

    def seal(self, train: Places) -> None:
        """Makes it a model."""
        if self.fitted.exportable is Exportable.NONE:
            return
        gathered = _gathered(self.problem, train, attacks=False)
        archive = learning.archive_of(
            gathered,
            self.fitted,
            options={},
            known=gathered.x,
            scores=self.fitted.decision_function(gathered.x[:1_000]),
            training=Training(fit_rows=len(train)),
            classes=[self.problem.names[code] for code in self.fitted.kinds()],
        )
        self.model = SealedModel(archive)
        self.sealed_bytes = len(archive.parts[GRAPH if self.fitted.exportable is Exportable.ONNX else STATE])

    def scores(self, x: Floats) -> Floats:
        # where several classes are normal, its own score is that of all classes but the first
        found = self.probabilities(x) if (~self.problem.is_attack).sum() > 1 else None
        return self._own(x) if found is None else _attack_score(found, self.problem.is_attack)

    def _own(self, x: Floats) -> Floats:
        return self.model.scores(x) if self.model else self.fitted.decision_function(x)

    def probabilities(self, x: Floats) -> Floats | None:
        if not self.fitted.supervised:
            return None
        found = np.zeros((len(x), len(self.problem.names)), np.float32)
        if self.model and self.model.manifest.classes:
            found[:, list(self.fitted.kinds())] = self.model.classes(x)
        else:  # the score is -log P(normal)
            normal = np.exp(-self._own(x))
            found[:, 0], found[:, 1] = normal, 1 - normal
        return found


def _gathered(problem: Problem, order: Places, *, attacks: bool) -> Gathered:
    """Rows as a detector learns them; `y` tells their classes in the problem."""
    gathered = baseline(problem.rows, Split("", order, order), attacks=attacks)
    return replace(gathered, y=problem.codes[order]) if attacks else gathered
