"""The deep belief network as a detector that learns from labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, ClassVar, final

from torch import Tensor, nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.deep_belief import pretrain
from oddflow.detectors.drawing import schedule_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.networks.deep_belief import DeepBeliefNetwork
from oddflow.networks.initialisation import Initialiser
from oddflow.networks.restricted_boltzmann import Visible


@registered
@final
class DeepBeliefClassifier(ClassifyingDetector):
    """Boltzmann machines above each other, each taught rows without labels, then fine-tuned together to tell attacks.

    Source: Hinton, Osindero & Teh 2006, "A Fast Learning Algorithm for Deep Belief Nets"; on network traffic, Gao et
    al. 2014, "An Intrusion Detection Model Based on Deep Belief Networks".

    Args:
        features: The columns of a row.
        hidden: Units of each machine, the lowest first.
        visible: What scaled columns are to the lowest machine: gaussian, any numbers; binary, from 0 to 1.
        machine_epochs: Epochs of each machine by itself.
        machine_rate: The size of its steps.
        initialiser: With what weights it begins; machines begin near 0 (Hinton 2012, section 8).
        shared: See `ClassifyingDetector`; activation, normalisation and dropout are not used.
    """

    name: ClassVar[str] = "deep-belief-classifier"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = (
        "stacked Boltzmann machines, pre-trained by layers, then taught classes; learns from labels"
    )
    good_at: ClassVar[str] = "known attacks, several kinds of them; to compare with the literature on KDD99"
    bad_at: ClassVar[str] = "attacks that were not learnt; where labels are many, pre-training gains little"
    paper: ClassVar[str] = "Hinton, Osindero & Teh 2006; Gao et al. 2014"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifyingDetector.limits,
        "hidden": (1, 65_536),
        "machine_epochs": (1, 1_000_000),
        "machine_rate": (0, 1e30),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {**ClassifyingDetector.choices, "visible": Visible}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        hidden: tuple[int, ...] = (150, 90, 50),
        visible: str = Visible.GAUSSIAN,
        machine_epochs: int = 5,
        machine_rate: float = 1e-3,
        initialiser: str = Initialiser.NORMAL,
        **shared: Any,
    ) -> None:
        super().__init__(features, initialiser=initialiser, **shared)
        self.hidden = hidden
        self.visible = visible
        self.machine_epochs = machine_epochs
        self.machine_rate = machine_rate

    def _network(self, width: int, outputs: int) -> nn.Module:
        return DeepBeliefNetwork(width, outputs, tuple(self.hidden), visible=Visible(self.visible))

    def _prepare(self, network: nn.Module, rows: Tensor, held: Tensor) -> None:
        assert isinstance(network, DeepBeliefNetwork)  # noqa: S101  (for mypy: `_network` made it)
        schedule = replace(schedule_of(self), epochs=self.machine_epochs, learning_rate=self.machine_rate)
        pretrain(network, rows, held, schedule)
