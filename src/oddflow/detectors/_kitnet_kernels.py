"""KitNET as it learns: the correlations that make its map, and its weights, a row at a time."""

import math

from numba import f8, i8, void

from oddflow.jit import kernel
from oddflow.models._kitnet_kernels import draw, scale_errors, scaled
from oddflow.models._lane_kernels import add_outer, sum_products
from oddflow.models._layout import HIDDEN, LANES, MIDDLE, NET, VISIBLE, WEIGHT, WIDTH


@kernel(void(f8[:, ::1], i8, f8[::1], f8[::1], f8[:, ::1]))
def correlate(x, before, sums, residuals, products):
    """Adds rows to sums (d,) and to the products of their residuals (d, d), upper half: about the means as they were
    when each row came, as the paper's mapper does; `before` rows were added already."""
    width = x.shape[1]
    for row in range(x.shape[0]):
        count = before + row + 1
        for i in range(width):
            sums[i] += x[row, i]
            residuals[i] = x[row, i] - sums[i] / count
        for i in range(width):
            residual = residuals[i]
            for j in range(i, width):
                products[i, j] += residual * residuals[j]


@kernel()
def step(layer, block, rate):
    """One step of gradient descent on the rows that a block drew last."""
    visible, hidden, first = layer.blocks[block, VISIBLE], layer.blocks[block, HIDDEN], layer.blocks[block, WEIGHT]
    width, middle = layer.blocks[block, WIDTH], layer.blocks[block, MIDDLE]
    code, error = middle * LANES, width * LANES
    for j in range(0, code, LANES):
        sum_products(layer.middle, j, layer.nothing, 0, layer.visible, error, layer.weights, first + j, code, width)
    for j in range(code):
        given = layer.middle[code + j]
        back = rate * layer.middle[j] * given * (1.0 - given)
        layer.middle[j] = back
        layer.hidden_bias[hidden + j] += back
    for i in range(error):
        missed = rate * layer.visible[error + i]
        layer.visible[error + i] = missed
        layer.visible_bias[visible + i] += missed
    for i in range(width):
        add_outer(
            layer.weights, first + i * code, layer.visible, i * LANES, error + i * LANES, layer.middle, 0, code, middle
        )


@kernel()
def widen(value, low, high, place):
    """Takes a value into the range that was seen."""
    low[place] = min(low[place], value)
    high[place] = max(high[place], value)


@kernel(void(f8[:, ::1], NET, f8))
def learn(x, net, rate):
    """Learns rows (n, d), each once and in their order."""
    members, output = net.members, net.output
    count = output.blocks[0, WIDTH]
    for row in range(x.shape[0]):
        for block in range(members.blocks.shape[0]):
            first, units = members.blocks[block, VISIBLE], members.blocks[block, WIDTH] * LANES
            for at in range(units):
                value = x[row, net.columns[first + at]]
                widen(value, members.low, members.high, first + at)
                value = scaled(value, members.low[first + at], members.high[first + at])
                members.visible[at] = value * members.seen[first + at]
            draw(members, block, False)
            for k in range(min(LANES, count - block * LANES)):
                lane = block * LANES + k
                net.errors[net.places[lane]] = math.sqrt(members.total[k] / net.widths[lane])
            step(members, block, rate)
        for at in range(count * LANES):
            widen(net.errors[at // LANES], output.low, output.high, at)
        scale_errors(net)
        draw(output, 0, True)
        step(output, 0, rate)
