"""Which bytes of a picture raise a sealed model's score, by ONNX Runtime alone."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from oddflow.features.image import PIXELS, SIDE
from oddflow.models.format import GRAPH
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.models.slopes import NoSlope, Slopes, last_pictures
from oddflow.verdicts.explaining.attribution import Attribution, Method, occluded
from oddflow.verdicts.explaining.parts import Part
from oddflow.verdicts.explaining.substitutes import Substitutes


class HeatMethod(StrEnum):
    """How heat was told, in words for the explanation."""

    PARTS = "each byte's own part of the score"
    GRAD_CAM = (
        "Grad-CAM: the slopes of the last convolution's maps, whose cells cover several bytes, so heat is blurred"
    )
    OCCLUSION = "the score without each line of 16 bytes"


def byte_heat(
    model: SealedModel, row: Floats, parts: Sequence[Part], substitutes: Substitutes, found: Attribution
) -> tuple[Floats, HeatMethod] | None:
    """Heat of each byte of a picture, (d,), 0 to 1, and how it was told; None for rows that are no pictures.

    Where the score is made of the bytes' parts, as that of a network that draws what it sees, these are taken: the maps
    of its last convolution tell what it draws, not where that fails (see docs/explain.md for how often each is right).

    Args:
        model: Whose score.
        row: The odd row, (d,).
        parts: Of the row.
        substitutes: Normal rows for what is covered.
        found: Shares of columns.
    """
    is_picture = len(row) == PIXELS and (model.features[0].unit == "byte" or model.features[0].name == "pixel_000")
    if not is_picture:
        return None
    if found.method is Method.PARTS:
        return _to_one(found.shares), HeatMethod.PARTS
    seen = heat(model, row, side=SIDE)
    if seen is not None:
        return seen.reshape(-1), HeatMethod.GRAD_CAM
    return _to_one(occluded(model, row, parts, substitutes)), HeatMethod.OCCLUSION


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


def _to_one(seen: Floats) -> Floats:
    return np.asarray(seen / (float(seen.max()) or 1.0), np.float32)


def _widening(size: int, wide: int) -> NDArray[np.float64]:
    """Straight lines between the middles of pixels: a matrix (wide, size)."""
    at = np.clip((np.arange(wide) + 0.5) * size / wide - 0.5, 0, size - 1)
    low = np.minimum(at.astype(int), max(size - 2, 0))
    part = at - low
    found = np.zeros((wide, size))
    found[np.arange(wide), low] = 1 - part
    found[np.arange(wide), np.minimum(low + 1, size - 1)] += part
    return found
