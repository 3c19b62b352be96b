"""Learning from what was learnt before: the weights of a sealed model."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors.numpy import load

from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.format import WEIGHTS
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel
from oddflow.training.beginning import ALL, Beginning


@dataclass(frozen=True, slots=True)
class Origin:
    """The model that learning begins from.

    Args:
        model: Whose weights are taken over, where the new network has the same under the same names.
        frozen: Layers that stand still, from below; -1 for all but the last: the others are a feature
            extractor.
        rate: The learning rate of the layers that are taken over, as a share of that of the others.

    Raises:
        UsageError: A number is out of its bounds.
    """

    model: SealedModel
    frozen: int = 0
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Checks it."""
        if self.frozen < ALL:
            raise UsageError(f"--frozen must be a number of layers, 0 or more, or all; {self.frozen} given")
        if not 0 < self.rate <= 1:
            raise UsageError(f"--lower-rate must be above 0 and at most 1, a share of the rate; {self.rate!r} given")

    def beginning(self, kind: type[Detector], features: Sequence[Feature]) -> Beginning:
        """What fits of such a detector begin from, on rows of these columns.

        Raises:
            UsageError: Its models have not all that it learns, or this one was learnt from other columns.
        """
        if not kind.begins_from:
            raise UsageError(f"a model of {kind.name} has not all that it learns, and so is none to begin from")
        if self.model.manifest.feature_schema_sha256 != schema_sha256(sealed_features(features)):
            raise UsageError(
                f"{self.model.manifest.detector} {self.model.fingerprint} looks at other columns than these rows have; "
                "give --from a model that was learnt from the same kind of rows"
            )
        weights = {name: torch.from_numpy(value) for name, value in load(self.model.parts[WEIGHTS]).items()}
        source = f"{self.model.manifest.detector} {self.model.fingerprint}"
        return Beginning(weights, self.frozen, self.rate, source)
