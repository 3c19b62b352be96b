"""A sealed triage policy: rows of actions to how much each is preferred, through ONNX Runtime.

It is a sealed model like any (`format.py`): the same parts, the same checks, the same hashes. Its rows are what
`verdicts/triage/shift.py` shows of each action, its score is the action's logit, and its contributions are what of the
row speaks for the action. Its calibration holds logits of actions it was learnt on.
"""

from os import PathLike, fspath
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features.feature import Feature
from oddflow.models.manifest import Manifest
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel

DETECTOR = "triage-policy"
"""What its manifest has in place of a detector's name."""


def is_policy(manifest: Manifest) -> bool:
    """Whether a sealed file is a policy, and no detector."""
    return manifest.detector == DETECTOR


@final
class SealedPolicy:
    """A policy that was learnt elsewhere, checked, and ready to choose.

    Attributes:
        model: The sealed file that it is.
    """

    def __init__(self, model: SealedModel, features: tuple[Feature, ...], name: str = "policy") -> None:
        """Takes a sealed model for a policy that reads these columns.

        Raises:
            SchemaMismatch: It is a detector, or a policy that learnt other columns.
        """
        if not is_policy(model.manifest):
            raise SchemaMismatch(
                f"{name}: a sealed {model.manifest.detector}, and no triage policy; "
                "give a file that `oddflow triage learn` wrote"
            )
        if model.features != features:
            raise SchemaMismatch(
                f"{name}: the policy learnt other columns than this version of Oddflow shows; learn it anew with "
                "`oddflow triage learn`"
            )
        self.model = model

    @classmethod
    def load(cls, path: str | PathLike[str], features: tuple[Feature, ...]) -> Self:
        """Reads a sealed policy.

        Raises:
            Unreadable, NotAModel, Tampered: See `SealedModel.load`.
            SchemaMismatch: It is a detector, or a policy that learnt other columns.
        """
        return cls(SealedModel.load(path), features, fspath(path))

    def best(self, rows: Floats, allowed: NDArray[np.bool_]) -> tuple[int, Floats]:
        """The allowed action with the highest logit, the first of equals, and what of its row (d,) speaks for it.

        Args:
            rows: What is seen of each action, (k, d).
            allowed: Which may be taken, (k,); one at least.
        """
        places = np.flatnonzero(allowed)
        logits, parts = self.model.score(rows[places])
        first = int(np.argmax(logits))
        return int(places[first]), parts[first]
