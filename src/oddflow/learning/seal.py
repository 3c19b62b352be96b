"""A fitted detector to a sealed model, which must agree with it."""

import numpy as np

from oddflow.detectors.base import Detector, Exportable
from oddflow.errors import LearningFailed, NotAModel
from oddflow.models.format import GRAPH, STATE, Archive, seal
from oddflow.models.held_back import Origins
from oddflow.models.manifest import Manifest
from oddflow.models.rows import Floats, five_digits
from oddflow.models.sealed import score_graph, score_state
from oddflow.models.usual import usual_part

MOST_DIFFERENCE = 1e-3
"""Relative; float32 sums in another order differ by about 1e-6."""


def seal_detector(
    detector: Detector,
    manifest: Manifest,
    held_back: Floats,
    x: Floats,
    origins: Origins | None = None,
    prototypes: Floats | None = None,
    *,
    spread: Floats | None = None,
) -> Archive:
    """Seals a fitted detector, and checks that the graph or the state scores as it does.

    Checked on rows that were learnt from and on rows far beyond them; the greatest relative difference is written into
    the manifest.

    Args:
        detector: Fitted.
        manifest: What the model says of itself; its parts are filled in.
        held_back: Scores of held-back rows, (n,), in the order of time.
        x: Rows that were learnt from, (m, d), in the order of time.
        origins: Where the held-back rows came from, (n,).
        prototypes: Normal rows that stand for all, (p, d).
        spread: Rows that tell how all are spread, (s, d); x unless given.

    Raises:
        LearningFailed: It cannot be sealed, or the two do not agree.
    """
    if detector.exportable is Exportable.NONE:
        raise LearningFailed(f"{detector.name} cannot be sealed; it is for evaluation only")
    part, scorer = _scorer_of(detector)
    sample = x[np.linspace(0, len(x) - 1, min(len(x), 512)).astype(np.int64)]
    most = np.finfo(np.float32).max / 1000
    far = np.clip(sample, -most, most) * np.float32(1000)
    rows = np.concatenate([sample, far, -sample, np.full_like(sample[:1], 1e9)])
    expected = detector.decision_function(rows)
    try:
        scores, _ = score_graph(scorer, rows) if part == GRAPH else score_state(scorer, rows)
    except NotAModel as error:
        raise LearningFailed(f"the sealed {detector.name} cannot score: {error}; please report it") from error
    difference = float(np.max(np.abs(scores - expected) / np.maximum(np.abs(expected), 1e-3)))
    if not difference <= MOST_DIFFERENCE:
        raise LearningFailed(
            f"the sealed {detector.name} scores differently from the one that was learnt: by {difference:.2g}, "
            f"at most {MOST_DIFFERENCE:g} is expected; please report it"
        )
    measured = manifest.model_copy(update={"metrics": {**manifest.metrics, "graph_difference": difference}})
    return seal(
        measured,
        scorer,
        five_digits(held_back),
        detector.weights(),
        part=part,
        usual=usual_part(x if spread is None else spread, held_back),
        origins=origins,
        prototypes=prototypes,
    )


def _scorer_of(detector: Detector) -> tuple[str, bytes]:
    if detector.exportable is Exportable.ONNX:
        return GRAPH, detector.graph().SerializeToString()
    # its kernels take a moment to load, and most detectors need none
    from oddflow.models.state import state_part  # noqa: PLC0415

    return STATE, state_part(detector.state())
