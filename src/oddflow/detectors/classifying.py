"""What detectors share that are a network learnt from labels."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, run, schedule_of, state_of
from oddflow.detectors.made import check_watched, last_seen
from oddflow.detectors.supervised import SupervisedDetector
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.plain import PlainScaler
from oddflow.models.rows import Floats
from oddflow.networks.activation import Activation
from oddflow.networks.class_losses import (
    ClassLoss,
    Weighting,
    bootstrap_loss,
    class_weights,
    cross_entropy,
    focal_loss,
    generalised_cross_entropy,
)
from oddflow.networks.initialisation import Initialiser, initialise
from oddflow.networks.normalisation import Normalisation
from oddflow.networks.penalties import l1
from oddflow.training.beginning import Beginning
from oddflow.training.export import to_onnx
from oddflow.training.guessing import FEWEST_UNLABELLED, UNKNOWN, guessed_loss, joined, pretrained
from oddflow.training.loop import EpochTold, History, Loss, Schedule, fit_network
from oddflow.training.optimiser import Optimiser
from oddflow.training.rows import beside
from oddflow.training.run import session
from oddflow.training.unlabelled import Use


class ClassifyingDetector(SupervisedDetector):
    """Holds a network that gives a logit for normal rows and one for each kind of attack; attacks weigh half of all.

    Of that half, a kind of attack has a part like the square root of its rows, unless another weighting is asked for:
    by their number alone, rare kinds would not be learnt, and with equal parts, few rows would move all weights.
    Statistics of flows are scaled as everywhere; bytes and packets as `models/plain.py` says.

    Subclasses are final: they implement `_network`, may override `_prepare`, and take `**shared` beside options of
    their own, which are passed on to the constructor here.

    Args:
        features: The columns of a row.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        optimiser: What makes a step of the gradients: sgd, momentum, nesterov, rmsprop or adam.
        l1, l2: What the sum of the weights' absolute values, or of their squares, costs.
        dropout: Share of the units that are left out of each step (Srivastava et al. 2014).
        activation: What follows a layer.
        normalisation: Whose mean and variance a layer takes away.
        initialiser: With what weights it begins.
        weighting: What a row weighs by the number of rows of its kind: none, square-root, balanced or effective.
        overlap: β of effective weighting: how much rows of a kind say again what others said (Cui et al. 2019).
        loss: What a row costs: cross-entropy, focal (Lin et al. 2017), or, where labels may be wrong, generalised
            (Zhang & Sabuncu 2018) or bootstrap (Reed et al. 2015).
        focus: γ of the focal loss: how little a row costs that is told well.
        doubt: q of the last two: how little a row costs whose label does not fit.
        smoothing: ε: how much of a row's label is dealt out to all kinds alike (Szegedy et al. 2016).
        seed: Of the first weights, the order of rows and dropout.
        told: Told of each epoch.
    """

    needs: ClassVar[str] = "train"
    several_classes: ClassVar[bool] = True
    watches_last: ClassVar[bool] = True
    uses_unlabelled: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LIMITS,
        "batch_rows": (2, 2**31),
        "l1": (0, 1_000),
        "l2": (0, 1_000),
        "dropout": (0, 0.9),
        "overlap": (0, 0.999999),
        "focus": (0, 10),
        "doubt": (0.001, 1),
        "smoothing": (0, 0.9),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {
        "optimiser": Optimiser,
        "activation": Activation,
        "normalisation": Normalisation,
        "initialiser": Initialiser,
        "weighting": Weighting,
        "loss": ClassLoss,
    }

    plain_: PlainScaler
    classes_: NDArray[np.int64]
    """Numbers of the kinds that it learnt, ascending, (k,); the first is 0."""
    network_: nn.Module
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        epochs: int = 30,
        batch_rows: int = 128,
        learning_rate: float = 2e-3,
        patience: int = 6,
        optimiser: str = Optimiser.ADAM,
        l1: float = 0.0,
        l2: float = 0.0,
        dropout: float = 0.0,
        activation: str = Activation.RELU,
        normalisation: str = Normalisation.NONE,
        initialiser: str = Initialiser.HE_UNIFORM,
        weighting: str = Weighting.SQUARE_ROOT,
        overlap: float = 0.999,
        loss: str = ClassLoss.CROSS_ENTROPY,
        focus: float = 2.0,
        doubt: float = 0.5,
        smoothing: float = 0.0,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.optimiser = optimiser
        self.l1 = l1
        self.l2 = l2
        self.dropout = dropout
        self.activation = activation
        self.normalisation = normalisation
        self.initialiser = initialiser
        self.weighting = weighting
        self.overlap = overlap
        self.loss = loss
        self.focus = focus
        self.doubt = doubt
        self.smoothing = smoothing
        self.seed = seed
        self.told = told

    def __init_subclass__(cls, **given: Any) -> None:
        """Spells out in its signature the options that `**shared` stands for."""
        super().__init_subclass__(**given)
        own = inspect.signature(cls.__init__).parameters
        shared = inspect.signature(ClassifyingDetector.__init__).parameters
        kept = [one for name, one in own.items() if name not in {"self", "shared"}]
        kept += [one for name, one in shared.items() if name not in own]
        cls.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]

    @abstractmethod
    def _network(self, width: int, outputs: int) -> nn.Module:
        """A fresh network: rows (n, width) to logits (n, outputs), the first that of normal rows."""

    def _prepare(self, network: nn.Module, rows: Tensor, held: Tensor) -> None:
        """Teaches a fresh network rows (n, width) without labels, in place, with some held back, (v, width)."""

    def _losses(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """What each row costs, before it is weighed: (b, k), (b,) -> (b,)."""
        match ClassLoss(self.loss):
            case ClassLoss.FOCAL:
                return focal_loss(logits, wanted, self.focus, self.smoothing)
            case ClassLoss.GENERALISED:
                return generalised_cross_entropy(logits, wanted, self.doubt)
            case ClassLoss.BOOTSTRAP:
                return bootstrap_loss(logits, wanted, self.doubt)
            case ClassLoss.CROSS_ENTROPY:
                return cross_entropy(logits, wanted, self.smoothing)

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        assert y is not None  # noqa: S101  (fit has checked it)
        self.plain_ = PlainScaler.of(self.features)
        self.classes_, kinds = np.unique(y, return_inverse=True)
        given = self._given(x, scaled)
        # the kind goes along as one more column
        table, unlabelled = (given, kinds[:, None]), self._unlabelled()
        held = last_seen(kinds, self.made_)
        check_watched(held, self.made_, self.name)
        chance = torch.Generator().manual_seed(self.seed)
        schedule = replace(schedule_of(self), optimiser=Optimiser(self.optimiser), decay=self.l2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            beginning = self._begun(unlabelled, schedule)
            self.network_ = self._fresh(given.shape[1], len(self.classes_))
            fitted = torch.from_numpy(beside(table, ~held))
            kept = torch.from_numpy(beside(table, held if held.any() else ~self.made_))
            self._prepare(self.network_, fitted[:, :-1], kept[:, :-1])
            self.history_ = fit_network(
                self.network_,
                self._loss(kinds, chance),
                joined(fitted, unlabelled) if len(unlabelled) and self.helped_by.use != Use.MASKED else fitted,
                kept,
                schedule,
                self.told,
                chance=(chance,),
                beginning=beginning,
            )

    def _fresh(self, width: int, outputs: int) -> nn.Module:
        network = self._network(width, outputs)
        initialise(network, Initialiser(self.initialiser))
        return network

    def _unlabelled(self) -> Tensor:
        """Rows without labels as the network is given them: (u, width)."""
        raw = self.unlabelled_
        return torch.from_numpy(self._given(raw, self.scaler_.transform(raw)) if len(raw) else raw.copy())

    def _begun(self, unlabelled: Tensor, schedule: Schedule) -> Beginning | None:
        """What filling in hidden columns taught; None where the session says what to begin from, or nothing does."""
        if len(unlabelled) < FEWEST_UNLABELLED or self.helped_by.use != Use.MASKED:
            return None
        first = replace(schedule, epochs=self.helped_by.pretraining)
        learnt = pretrained(lambda width: self._fresh(width, width), unlabelled, self.helped_by, first)
        usual = session().beginning or Beginning({})
        return replace(usual, weights=learnt)

    def _loss(self, kinds: NDArray[np.int64], chance: torch.Generator) -> Loss:
        """What rows cost, their class in the last column, or UNKNOWN."""
        weights = torch.from_numpy(class_weights(np.bincount(kinds), Weighting(self.weighting), self.overlap))

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            given, wanted = rows[:, :-1], rows[:, -1].long()
            known = wanted != UNKNOWN
            if len(self.unlabelled_) and not known.all():
                lost = torch.zeros(len(rows), device=rows.device)
                guessed = guessed_loss(network, given[~known], self.helped_by, chance)
                lost = lost.index_put((torch.nonzero(~known)[:, 0],), guessed)
                if known.any():
                    told = self._losses(network(given[known]), wanted[known]) * weights.to(rows.device)[wanted[known]]
                    lost = lost.index_put((torch.nonzero(known)[:, 0],), told)
            else:
                lost = self._losses(network(given), wanted) * weights.to(rows.device)[wanted]
            return lost + self.l1 * l1(network) if self.l1 and network.training else lost

        return loss

    def kinds(self) -> tuple[int, ...]:
        """The labels that it learnt."""
        return tuple(int(kind) for kind in self.classes_)

    def _given(self, x: Floats, scaled: Floats) -> Floats:
        """What the network is given of raw and scaled rows: (n, d), (n, m) -> (n, width)."""
        return scaled if self.reads is Reads.TABULAR else self.plain_.transform(x)

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:
        if not len(x):
            return np.zeros(0)
        logits = run(self.network_, self._given(x, scaled)).astype(np.float64)  # (n, k)
        return np.asarray(np.logaddexp.reduce(logits[:, 1:], axis=1) - logits[:, 0])

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:
        given = scaled if self.reads is Reads.TABULAR else self.plain_.write(builder)
        width = self.scaler_.owners.shape[0] if self.reads is Reads.TABULAR else self.width_
        (logits,) = builder.include(to_onnx(self.network_, width), given)
        if self.kinds():
            builder.tell_classes(builder.add("Softmax", logits, axis=1), len(self.kinds()))
        axis, count = builder.constant(np.array([1], np.int64)), len(self.classes_)
        normal = builder.columns(logits, np.array([0]), width=count)  # (n, 1)
        attacks = builder.columns(logits, np.arange(1, count), width=count)  # (n, k - 1)
        attack = builder.add("ReduceLogSumExp", attacks, axis, keepdims=0)
        return builder.add("Sub", attack, builder.add("Squeeze", normal, axis))

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)
