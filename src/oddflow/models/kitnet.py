"""KitNET as arrays: which columns each autoencoder sees, what it learnt, and the scores that follow from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import NotAModel
from oddflow.models._kitnet_kernels import member_errors, score_errors
from oddflow.models._layout import LANES, Layer, Net
from oddflow.models.rows import Floats

Doubles = NDArray[np.float64]
Places = NDArray[np.int64]

CHUNK_ROWS = 4_096
MOST_UNITS = 4_096
"""Of the widest autoencoder, and of the ensemble: far beyond what is learnt, and its arrays fit in memory."""
MOST_WEIGHTS = 1 << 22
GREATEST = 1e300
"""A learnt number is smaller; so that differences of two are numbers, too."""

_NAMES = ("columns", "widths", "middles", "low", "high", "visible_bias", "hidden_bias", "weights")


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """Tied, of w units and m in the middle.

    Attributes:
        low, high: The least and the greatest value that each unit saw, (w,).
        visible_bias: (w,).
        hidden_bias: (m,).
        weights: (w, m).
    """

    low: Doubles
    high: Doubles
    visible_bias: Doubles
    hidden_bias: Doubles
    weights: Doubles

    @classmethod
    def fresh(cls, width: int, middle: int, seed: int) -> Self:
        """One that learnt nothing yet; its weights are those that Kitsune-py draws, between -1/w and 1/w."""
        weights = np.random.RandomState(seed).uniform(-1 / width, 1 / width, (width, middle))
        return cls(np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width), np.zeros(middle), weights)


@final
@dataclass(frozen=True, slots=True)
class KitNet:
    """An ensemble of autoencoders on groups of columns, and an output layer on their errors.

    Source: Mirsky et al. 2018, "Kitsune: An Ensemble of Autoencoders for Online Network Intrusion Detection", sec. V.

    Attributes:
        groups: The columns of each member; each of the d columns once.
        members: g autoencoders.
        output: The one that draws the g errors of the members.
    """

    groups: tuple[Places, ...]
    members: tuple[Autoencoder, ...]
    output: Autoencoder

    def net(self) -> Net:
        """The arrays that the kernels work on; a copy. Members of like size stand in one block."""
        order = self._order()
        spare = -len(order) % LANES
        columns = _laid([self.groups[member].astype(np.float64)[:, None] for member in order])
        return Net(
            _layer([self.members[member] for member in order]),
            _joined(self.output),
            _flat(columns).astype(np.int64),
            np.array([len(self.groups[member]) for member in order] + [1] * spare, np.float64),
            np.array(order + [0] * spare),
            np.zeros(len(order) + spare),
        )

    def learnt(self, net: Net) -> Self:
        """The same ensemble with what a net of it has learnt since."""
        members = list(self.members)
        for lane, member in enumerate(self._order()):
            members[member] = _member(net.members, lane, members[member])
        return type(self)(self.groups, tuple(members), _output(net.output, self.output))

    def _order(self) -> list[int]:
        return sorted(range(len(self.members)), key=lambda member: -self.members[member].weights.size)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of` makes it anew from: all autoencoders one after the other, the output layer last."""
        every = (*self.members, self.output)
        return {
            "columns": np.concatenate(self.groups),
            "widths": np.array([len(one.low) for one in every]),
            "middles": np.array([len(one.hidden_bias) for one in every]),
            "low": np.concatenate([one.low for one in every]),
            "high": np.concatenate([one.high for one in every]),
            "visible_bias": np.concatenate([one.visible_bias for one in every]),
            "hidden_bias": np.concatenate([one.hidden_bias for one in every]),
            "weights": np.concatenate([one.weights.ravel() for one in every]),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], width: int) -> Self:
        """The ensemble that `arrays` gave, on so many columns; every array is checked.

        Raises:
            NotAModel: They are no such ensemble's.
        """
        _need(set(arrays) == set(_NAMES), f"it must hold {', '.join(_NAMES)}")
        columns, widths, middles = (_whole(arrays, name) for name in ("columns", "widths", "middles"))
        members = len(widths) - 1
        _need(members >= 1 and len(middles) == len(widths), "widths and middles must be of one length, 2 or more")
        _need(bool((widths >= 1).all() and (middles >= 1).all()), "an autoencoder has a unit or more")
        _need(max(widths.max(), middles.max()) <= MOST_UNITS, f"an autoencoder has at most {MOST_UNITS} units")
        padded = int(widths[:-1].max() * middles[:-1].max()) * (members + LANES)
        _need(padded <= MOST_WEIGHTS, f"the ensemble has at most {MOST_WEIGHTS} weights")
        _need(widths[-1] == members, "the output layer must have a unit for each member")
        _need(sorted(columns.tolist()) == list(range(width)), f"each of {width} columns must stand in one group")
        units, hidden, weights = int(widths.sum()), int(middles.sum()), int((widths * middles).sum())
        _need(int(widths[:-1].sum()) == width, f"the groups must hold {width} columns together")
        low, high, visible = (_numbers(arrays, name, units) for name in ("low", "high", "visible_bias"))
        _need(bool((low <= high).all()), "low must not be above high")
        numbers = (low, high, visible, _numbers(arrays, "hidden_bias", hidden), _numbers(arrays, "weights", weights))
        cuts = (widths, widths, widths, middles, widths * middles)
        parts = zip(
            *(np.split(array, np.cumsum(cut)[:-1]) for array, cut in zip(numbers, cuts, strict=True)), strict=True
        )
        every = [
            Autoencoder(low, high, visible, hidden, weights.reshape(len(low), -1))
            for low, high, visible, hidden, weights in parts
        ]
        return cls(tuple(np.split(columns, np.cumsum(widths[:-1])[:-1])), tuple(every[:-1]), every[-1])


@final
class KitNetScorer:
    """Scores rows by an ensemble that learns no more."""

    def __init__(self, kitnet: KitNet) -> None:
        self._net = kitnet.net()

    def contributions(self, x: Floats) -> Floats:
        """The squared error of each column, in units of the range that was learnt: (n, d) -> (n, d)."""
        errors = np.empty(x.shape, np.float32)
        for start in range(0, len(x), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            member_errors(x[part].astype(np.float64), self._net, errors[part])
        return errors

    def score_of(self, contributions: Floats) -> Floats:
        """The root mean square error of the output layer on the members' errors: (n, d) -> (n,)."""
        scores = np.empty(len(contributions), np.float32)
        score_errors(np.ascontiguousarray(contributions), self._net, scores)
        return scores


def _laid(arrays: Sequence[Doubles]) -> list[Doubles]:
    """Arrays (w, m) side by side in blocks of LANES, each as large as its largest: (w, m, LANES) each."""
    blocks = []
    for start in range(0, len(arrays), LANES):
        some = arrays[start : start + LANES]
        blocks.append(np.zeros((*(max(array.shape[axis] for array in some) for axis in (0, 1)), LANES)))
        for lane, array in enumerate(some):
            blocks[-1][: array.shape[0], : array.shape[1], lane] = array
    return blocks


def _flat(blocks: Sequence[Doubles]) -> Doubles:
    return np.concatenate([block.ravel() for block in blocks])


def _layer(members: Sequence[Autoencoder]) -> Layer:
    """Members side by side."""
    weights = _laid([one.weights for one in members])
    visible = ([getattr(one, name)[:, None] for one in members] for name in ("low", "high", "visible_bias"))
    seen = [np.ones((len(one.low), 1)) for one in members]
    hidden = [one.hidden_bias[:, None] for one in members]
    coded = [np.ones((len(one.hidden_bias), 1)) for one in members]
    arrays = [_flat(_laid(array)) for array in (*visible, seen, hidden, coded)]
    return _with_room([block.shape[:2] for block in weights], [*arrays, _flat(weights)])


def _joined(output: Autoencoder) -> Layer:
    """The output layer: its hidden units side by side, each visible one repeated in all lanes."""
    width, middle = output.weights.shape
    blocks = -(-middle // LANES)
    spare = ((0, 0), (0, blocks * LANES - middle))
    repeated = [np.repeat(array, LANES) for array in (output.low, output.high, output.visible_bias, np.ones(width))]
    hidden = np.pad(np.stack([output.hidden_bias, np.ones(middle)]), spare)
    return _with_room([(width, blocks)], [*repeated, hidden[0], hidden[1], np.pad(output.weights, spare).ravel()])


def _with_room(shapes: Sequence[tuple[int, ...]], arrays: Sequence[Doubles]) -> Layer:
    sizes = np.array([(width, middle, width * middle) for width, middle in shapes])
    starts = LANES * (np.cumsum(sizes, axis=0) - sizes)
    widest, greatest = sizes.max(axis=0)[:2]
    low, high, visible_bias, seen, hidden_bias, coded, weights = (np.array(array) for array in arrays)
    return Layer(
        np.hstack([starts, sizes[:, :2]]), low, high, visible_bias, seen, hidden_bias, coded, weights,
        visible=np.zeros(2 * widest * LANES), middle=np.zeros(2 * greatest * LANES), total=np.zeros(LANES),
        nothing=np.zeros(LANES),
    )  # fmt: skip


def _member(layer: Layer, lane: int, like: Autoencoder) -> Autoencoder:
    visible, hidden, first, width, middle = layer.blocks[lane // LANES].tolist()
    units, codes = like.weights.shape

    def numbers(array: Doubles, start: int, *shape: int) -> Doubles:
        return array[start : start + math.prod(shape) * LANES].reshape(*shape, LANES)[..., lane % LANES]

    low, high, bias = (numbers(array, visible, width)[:units] for array in (layer.low, layer.high, layer.visible_bias))
    hidden_bias = numbers(layer.hidden_bias, hidden, middle)[:codes]
    weights = numbers(layer.weights, first, width, middle)[:units, :codes]
    return Autoencoder(low.copy(), high.copy(), bias.copy(), hidden_bias.copy(), weights.copy())


def _output(layer: Layer, like: Autoencoder) -> Autoencoder:
    width, middle = like.weights.shape
    low, high, bias = (array[::LANES].copy() for array in (layer.low, layer.high, layer.visible_bias))
    weights = layer.weights.reshape(width, -1)[:, :middle].copy()
    return Autoencoder(low, high, bias, layer.hidden_bias[:middle].copy(), weights)


def _need(holds: bool, expected: str) -> None:
    if not holds:
        raise NotAModel(f"its state is no KitNET's: {expected}; use a file that `oddflow learn` wrote")


def _numbers(arrays: Mapping[str, NDArray[Any]], name: str, length: int) -> Doubles:
    array = arrays[name]
    _need(array.dtype == np.float64 and array.shape == (length,), f"{name} must be {length} float64")
    _need(bool((np.abs(array) < GREATEST).all()), f"{name} must be finite")
    return np.array(array)


def _whole(arrays: Mapping[str, NDArray[Any]], name: str) -> Places:
    array = arrays[name]
    _need(array.dtype == np.int64 and array.ndim == 1, f"{name} must be whole numbers, (n,) int64")
    _need(0 < len(array) <= MOST_UNITS + 1 and bool((np.abs(array) <= MOST_UNITS).all()), f"{name} is out of bounds")
    return np.array(array)
