"""An ensemble of small tied autoencoders as flat arrays, LANES numbers side by side; shared by kernels and Python."""

from typing import Any, NamedTuple

from numba import f8, i8, types

LANES = 8
"""Members of the ensemble, or hidden units of the output layer, that are computed side by side."""

# Columns of a layer's blocks: where its visible and hidden units and its weights start, and how many units there are.
VISIBLE, HIDDEN, WEIGHT, WIDTH, MIDDLE = 0, 1, 2, 3, 4
BLOCK_COLUMNS = 5


class Layer(NamedTuple):
    """Autoencoders in b blocks of LANES; a block has the w visible and h hidden units of its greatest.

    blocks (b, BLOCK_COLUMNS). low, high, visible_bias, seen: w × LANES of each block; hidden_bias, coded: h × LANES;
    weights: w × h × LANES. seen and coded are 1 where there is a unit, else 0. Room to work in, for one block: visible,
    the scaled row, then its errors; middle, what goes back, then the code; total (LANES,); nothing (LANES,) zeros.
    """

    blocks: Any
    low: Any
    high: Any
    visible_bias: Any
    seen: Any
    hidden_bias: Any
    coded: Any
    weights: Any
    visible: Any
    middle: Any
    total: Any
    nothing: Any


class Net(NamedTuple):
    """g members, and the one autoencoder of the output layer, which draws their errors; its lanes are hidden units.

    columns: which of the d columns each visible unit of a member sees; any, where there is no unit. Of each lane,
    (b × LANES,): widths, its member's units; places, where it stands among the g errors; errors.
    """

    members: Any
    output: Any
    columns: Any
    widths: Any
    places: Any
    errors: Any


_ROW = f8[::1]
LAYER = types.NamedTuple((i8[:, ::1], *(_ROW,) * 11), Layer)  # type: ignore[no-untyped-call]
NET = types.NamedTuple((LAYER, LAYER, i8[::1], _ROW, i8[::1], _ROW), Net)  # type: ignore[no-untyped-call]
"""The Numba types of both."""
