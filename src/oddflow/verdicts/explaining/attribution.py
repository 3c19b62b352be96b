"""How much of the score each column of a row made."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from oddflow.features.feature import Scale
from oddflow.models.format import GRAPH
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.models.slopes import NoSlope, Slopes
from oddflow.models.tree_shapley import NoTrees, TreeShapley
from oddflow.verdicts.explaining.parts import Part
from oddflow.verdicts.explaining.substitutes import Substitutes

PATH_STEPS = 64


class Method(StrEnum):
    """How it was told, in words for the explanation."""

    PARTS = "parts of the score itself"
    TREES = "exact Shapley values of its trees against normal flows"
    GRADIENTS = "integrated gradients from the nearest normal flow"
    OCCLUSION = "the score without each part"


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Shares of columns, (d,), not negative, that sum to 1 unless all are 0; and how they were told.

    Attributes:
        against: How many normal rows the row was compared with, where it was with many.
    """

    method: Method
    shares: Floats
    against: int = 0


def attribution(
    model: SealedModel, row: Floats, parts: Sequence[Part], substitutes: Substitutes, method: Method | None = None
) -> Attribution:
    """Of one row (d,), in the most exact way that the model allows, or in one that is asked for.

    Where the score is made of the features' parts, as a reconstruction error is, those are exact, and so are Shapley
    values where it is made of trees. Else a graph that has slopes is asked along the way from a normal row, and of one
    that has none, as recurrent layers, parts are taken away by turns.
    """
    if method is Method.PARTS or (method is None and model.manifest.decomposes):
        return Attribution(Method.PARTS, _shares(model.score(row[None])[1][0]))
    if method in {None, Method.TREES} and GRAPH in model.parts:
        try:
            return of_trees(model, row, substitutes)
        except NoTrees:
            pass
    if method is not Method.OCCLUSION and GRAPH in model.parts:
        try:
            return Attribution(Method.GRADIENTS, _shares(integrated(model, row, substitutes)))
        except NoSlope:
            pass
    return Attribution(Method.OCCLUSION, _shares(occluded(model, row, parts, substitutes)))


def of_trees(model: SealedModel, row: Floats, substitutes: Substitutes) -> Attribution:
    """By Shapley values of the trees' output, exactly: those that raise the score.

    Raises:
        NoTrees: The score is no function of trees alone.
    """
    found = TreeShapley(model.parts[GRAPH]).of(row, substitutes.normal)
    raised = found.values if found.rises else -found.values
    return Attribution(Method.TREES, _shares(raised.astype(np.float32)), found.against)


def integrated(model: SealedModel, row: Floats, substitutes: Substitutes) -> Floats:
    """What each column adds to the score on the way from the nearest normal row: (d,) -> (d,), of either sign.

    The way is straight as columns are measured, LOG ones by their logarithm. Numbers go it together; categories, which
    have no way between them, are changed first, by turns, and each has what the score then changes by. The sum is the
    difference of the scores but for the width of the steps.

    Source: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", eq. 1, along the measured way.

    Raises:
        NoSlope: The graph has none.
    """
    slopes = Slopes(model.parts[GRAPH])
    normal = substitutes.rows[0]
    is_category = np.array([feature.scale is Scale.CATEGORY for feature in model.features])
    begin = np.where(is_category, row, normal).astype(np.float32)
    ends = np.linspace(0, 1, PATH_STEPS + 1)
    way = np.stack([substitutes.measure.between(begin, row, float(share)) for share in ends])
    middles = np.stack([substitutes.measure.between(begin, row, float(share)) for share in (ends[:-1] + ends[1:]) / 2])
    added = (slopes.of(middles).astype(np.float64) * np.diff(way.astype(np.float64), axis=0)).sum(axis=0)
    places = np.flatnonzero(is_category & (row != normal))
    if len(places):
        turns = np.repeat(normal[None], len(places) + 1, axis=0)
        for turn, place in enumerate(places, start=1):
            turns[turn:, place] = row[place]
        added[places] = np.diff(model.scores(turns))
    return np.asarray(added, np.float32)


def occluded(model: SealedModel, row: Floats, parts: Sequence[Part], substitutes: Substitutes) -> Floats:
    """How much less the score is without each part, as normal rows have it, on average: (d,) -> (d,).

    A part's columns share what it makes.

    Source: Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2.
    """
    sources = substitutes.rows[: max(1, len(substitutes.neighbours))]
    rows = np.repeat(row[None], len(parts) * len(sources), axis=0).reshape(len(parts), len(sources), -1)
    for trial, part in zip(rows, parts, strict=True):
        trial[:, part.columns] = sources[:, part.columns]
    given = model.scores(rows.reshape(-1, len(row))).reshape(len(parts), -1).mean(axis=1)
    less = np.maximum(model.scores(row[None])[0] - given, 0)
    found = np.zeros(len(row), np.float32)
    for part, drop in zip(parts, less, strict=True):
        found[part.columns] = drop / len(part.columns)
    return found


def _shares(added: Floats) -> Floats:
    raised = np.maximum(added, 0)
    total = float(raised.sum())
    return np.asarray(raised / total if total > 0 else raised, np.float32)
