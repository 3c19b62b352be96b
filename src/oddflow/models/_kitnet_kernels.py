"""KitNET as it scores: tied autoencoders, and one more on their errors (Mirsky et al. 2018, section V)."""

import math

from numba import f4, f8, void

from oddflow.jit import kernel
from oddflow.models._lane_kernels import misses, sigmoids, sum_products
from oddflow.models._layout import HIDDEN, LANES, MIDDLE, NET, VISIBLE, WEIGHT, WIDTH

TINY = 1e-16
FARTHEST = 1e9
"""No scaled value lies farther out: its square is a float32 still."""


@kernel()
def scaled(value, low, high):
    """A value by the range that was seen in learning, 0 to 1 inside of it."""
    return min(FARTHEST, max(-FARTHEST, (value - low) / (high - low + TINY)))


@kernel()
def draw(layer, block, is_joined):
    """Draws the scaled rows of a block anew: fills codes, errors, and the sum of squared errors in each lane.

    The lanes are autoencoders of their own or, joined, the hidden units of one.
    """
    visible, hidden, first = layer.blocks[block, VISIBLE], layer.blocks[block, HIDDEN], layer.blocks[block, WEIGHT]
    width, middle = layer.blocks[block, WIDTH], layer.blocks[block, MIDDLE]
    code, error = middle * LANES, width * LANES
    for j in range(0, code, LANES):
        sum_products(
            layer.middle, code + j, layer.hidden_bias, hidden + j, layer.visible, 0, layer.weights, first + j, code,
            width,
        )  # fmt: skip
    sigmoids(layer.middle, code, layer.coded, hidden, middle)
    for i in range(width):
        at = i * LANES
        base, origin = (layer.nothing, 0) if is_joined else (layer.visible_bias, visible + at)
        sum_products(
            layer.visible, error + at, base, origin, layer.middle, code, layer.weights, first + i * code, LANES, middle
        )
        if is_joined:
            total = layer.visible_bias[visible + at]
            for k in range(error + at, error + at + LANES):
                total += layer.visible[k]
            for k in range(error + at, error + at + LANES):
                layer.visible[k] = total
    misses(layer.visible, error, 0, layer.seen, visible, layer.total, width)


@kernel()
def scale_errors(net):
    """Makes the errors of the members the row of the output layer."""
    output = net.output
    for number in range(output.blocks[0, WIDTH]):
        at = number * LANES
        value = scaled(net.errors[number], output.low[at], output.high[at])
        for k in range(at, at + LANES):
            output.visible[k] = value


@kernel(void(f8[:, ::1], NET, f4[:, ::1]))
def member_errors(x, net, errors):
    """The squared error of each column: (n, d) -> (n, d), not negative."""
    members = net.members
    for row in range(x.shape[0]):
        for block in range(members.blocks.shape[0]):
            first, units = members.blocks[block, VISIBLE], members.blocks[block, WIDTH] * LANES
            for at in range(units):
                value = scaled(x[row, net.columns[first + at]], members.low[first + at], members.high[first + at])
                members.visible[at] = value * members.seen[first + at]
            draw(members, block, False)
            for at in range(units):
                if members.seen[first + at] != 0.0:
                    error = members.visible[units + at]
                    errors[row, net.columns[first + at]] = error * error


@kernel(void(f4[:, ::1], NET, f4[::1]))
def score_errors(errors, net, scores):
    """Scores by the squared errors of columns: (n, d) -> (n,)."""
    blocks, output = net.members.blocks, net.output
    count = output.blocks[0, WIDTH]
    for row in range(errors.shape[0]):
        for lane in range(count):
            first = blocks[lane // LANES, VISIBLE] + lane % LANES
            width = net.widths[lane]
            total = 0.0
            for i in range(int(width)):
                total += errors[row, net.columns[first + i * LANES]]
            net.errors[net.places[lane]] = math.sqrt(total / width)
        scale_errors(net)
        draw(output, 0, True)
        scores[row] = math.sqrt(output.total[0] / count)
