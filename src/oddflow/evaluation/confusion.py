"""What a confusion matrix tells: each measure of many matrices at once.

A matrix is (k, k): rows are the true classes, columns what was said. All functions take any number of them, (..., k, k)
-> (...,); a share of nothing is 0.

Source: Sokolova & Lapalme 2009, "A systematic analysis of performance measures for classification tasks"; balanced
accuracy, Brodersen et al. 2010, "The Balanced Accuracy and Its Posterior Distribution".
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.errors import UsageError
from oddflow.evaluation.measure import Asked, Measure

Matrix = NDArray[np.int64]
Values = NDArray[np.float64]


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> Matrix:
    """Counts of each pair of true class and predicted class: (n,), (n,) in 0 … k - 1 -> (k, k).

    >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    places = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def of_attacks(matrix: Matrix, is_attack: NDArray[np.bool_]) -> Matrix:
    """Of attacks against normal rows: (..., k, k) -> (..., 2, 2)."""
    sides = np.stack([~is_attack, is_attack]).astype(np.int64)  # (2, k)
    return np.asarray(sides @ matrix @ sides.T)


def accuracy(matrix: Matrix) -> Values:
    """The share of rows that are told right.

    >>> float(accuracy(np.array([[3, 1], [0, 4]])))
    0.875
    """
    return _share(_right(matrix).sum(axis=-1), matrix.sum(axis=(-1, -2)))


def recalls(matrix: Matrix) -> Values:
    """Of each class, the share of its rows that is told right: -> (..., k)."""
    return _share(_right(matrix), matrix.sum(axis=-1))


def precisions(matrix: Matrix) -> Values:
    """Of each class, the share of what is called so that is so: -> (..., k)."""
    return _share(_right(matrix), matrix.sum(axis=-2))


def f1s(matrix: Matrix) -> Values:
    """Of each class, the harmonic mean of precision and recall: -> (..., k)."""
    return _share(2 * _right(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def macro(values: Values, matrix: Matrix) -> Values:
    """The mean over classes that have rows: (..., k) -> (...,)."""
    there = matrix.sum(axis=-1) > 0
    return _share((values * there).sum(axis=-1), there.sum(axis=-1))


def weighted(values: Values, matrix: Matrix) -> Values:
    """The mean over classes, each weighed by its rows: (..., k) -> (...,)."""
    rows = matrix.sum(axis=-1)
    return _share((values * rows).sum(axis=-1), rows.sum(axis=-1))


OF_ALL: Mapping[Measure, Callable[[Matrix], Values]] = {
    Measure.ACCURACY: accuracy,
    Measure.BALANCED_ACCURACY: lambda matrix: macro(recalls(matrix), matrix),
    Measure.MACRO_RECALL: lambda matrix: macro(recalls(matrix), matrix),
    Measure.MACRO_PRECISION: lambda matrix: macro(precisions(matrix), matrix),
    Measure.MACRO_F1: lambda matrix: macro(f1s(matrix), matrix),
    Measure.WEIGHTED_F1: lambda matrix: weighted(f1s(matrix), matrix),
}
OF_CLASSES: Mapping[Measure, Callable[[Matrix], Values]] = {
    Measure.PRECISION: precisions,
    Measure.F1: f1s,
    Measure.RECALL: recalls,
    Measure.DETECTION_RATE: recalls,
}
"""Each of these is of every class: the one that is asked for is taken."""


def measured(
    asked: Asked, matrix: Matrix, names: Sequence[str], is_attack: NDArray[np.bool_], *, flows_a_day: float = 0.0
) -> Values:
    """A measure of matrices by its name: (..., k, k) -> (...,).

    Args:
        asked: Which, of those that a matrix tells; precision, recall and F1 are of attacks against normal rows unless a
            class is named.
        matrix: The matrices.
        names: The classes, (k,).
        is_attack: Which of them are attacks, (k,).
        flows_a_day: Normal flows of the network whose false alarms are counted.

    Raises:
        UsageError: There is no such class.
    """
    if asked.of and asked.of not in names:
        raise UsageError(f"{asked}: there is no class {asked.of!r}; there are {', '.join(names)}")
    if asked.measure in OF_ALL:
        return OF_ALL[asked.measure](matrix)
    some = matrix if asked.of else of_attacks(matrix, is_attack)
    if asked.measure in OF_CLASSES:
        return np.asarray(OF_CLASSES[asked.measure](some)[..., names.index(asked.of) if asked.of else 1])
    alarms = 1 - recalls(some)[..., 0]
    return np.asarray(alarms * flows_a_day if asked.measure is Measure.FALSE_ALARMS_A_DAY else alarms)


def _right(matrix: Matrix) -> Matrix:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _share(part: ArrayLike, whole: ArrayLike) -> Values:
    above, below = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)
