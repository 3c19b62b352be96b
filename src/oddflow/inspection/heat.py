"""Where in a picture of bytes a convolutional model looks (Grad-CAM)."""

import numpy as np
import torch
from torch.nn import functional

from oddflow.errors import UsageError
from oddflow.inspection.differentiable import Differentiable
from oddflow.models.rows import Floats

_CHANNELS = 4
"""Dimensions of what a convolution of pictures gives: (n, maps, h, w)."""


def heat(graph: Differentiable, x: Floats, *, side: int) -> Floats:
    """How much each pixel's neighbourhood raises the score: (n, side²) -> (n, side, side), 0 to 1 in each picture.

    The maps of the last convolution are weighed by their mean slopes and added; what is negative is none. Where a model
    tells kinds of attack, it is the odds of an attack that are looked at, which do not level off as the score does.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    equations 1 and 2.

    Raises:
        UsageError: The model has no convolution of pictures, or rows hold several pictures.
    """
    if x.shape[1] != side * side:
        raise UsageError(f"rows of {x.shape[1]} columns are no pictures of {side} × {side} bytes")
    layers = [layer for layer in graph.layers if layer.operator == "Conv" and graph.weight(layer).ndim == _CHANNELS]
    if not layers:
        raise UsageError("the model has no convolution of pictures to look through")
    last, wanted = layers[-1].output, graph.logits or "score"
    given = torch.from_numpy(x)
    with torch.no_grad():
        maps = graph.run({"x": given}, [last])[last]
    maps = maps.detach().requires_grad_()
    told = graph.run({"x": given, last: maps}, [wanted])[wanted]
    odds = told[:, 1:].logsumexp(dim=1) - told[:, 0] if graph.logits else told
    (slopes,) = torch.autograd.grad(odds.sum(), maps)
    weights = slopes.mean(dim=(2, 3), keepdim=True)  # (n, maps, 1, 1), equation 1
    seen = (weights * maps).sum(dim=1, keepdim=True).relu()  # (n, 1, h, w), equation 2
    wide = functional.interpolate(seen.detach(), size=(side, side), mode="bilinear", align_corners=False)[:, 0]
    most = wide.amax(dim=(1, 2), keepdim=True)
    return np.asarray(wide / most.where(most > 0, torch.ones(())))
