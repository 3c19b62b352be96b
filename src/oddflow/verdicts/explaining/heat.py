"""Where in a picture of bytes a sealed convolutional model looks (Grad-CAM), by ONNX Runtime alone."""

import numpy as np
from numpy.typing import NDArray

from oddflow.models.format import GRAPH
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.models.slopes import NoSlope, Slopes, last_pictures


def heat(model: SealedModel, row: Floats, *, side: int) -> Floats | None:
    """How much each pixel's neighbourhood raises the score: (side²,) -> (side, side), 0 to 1; None without slopes.

    The maps of the last convolution are weighed by their mean slopes and added; what is negative is none.

    Source: Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2.
    """
    name = last_pictures(model.parts[GRAPH]) if GRAPH in model.parts else None
    if name is None or len(row) != side * side:
        return None
    try:
        maps, slopes = Slopes(model.parts[GRAPH], [name]).by(name, row[None])
    except NoSlope:
        return None
    if maps.ndim != 4 or slopes.shape != maps.shape:
        return None
    weights = slopes[0].mean(axis=(1, 2))  # equation 1
    seen = np.maximum(np.tensordot(weights, maps[0], axes=1), 0)  # (h, w), equation 2
    height, width = (_widening(size, side) for size in seen.shape)
    wide = height @ seen @ width.T
    most = float(wide.max())
    return np.asarray(wide / most if most > 0 else wide, np.float32)


def _widening(size: int, wide: int) -> NDArray[np.float64]:
    """Straight lines between the middles of pixels: a matrix (wide, size)."""
    at = np.clip((np.arange(wide) + 0.5) * size / wide - 0.5, 0, size - 1)
    low = np.minimum(at.astype(int), max(size - 2, 0))
    part = at - low
    found = np.zeros((wide, size))
    found[np.arange(wide), low] = 1 - part
    found[np.arange(wide), np.minimum(low + 1, size - 1)] += part
    return found
