"""LANES numbers at a time, as the processor's vector units take them.

Numba checks the bounds of each number by itself, which keeps it from using those units. Here one comparison stands
before LANES numbers, and the offsets are flat places in arrays of one axis.
"""

import math

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from oddflow.jit import kernel
from oddflow.models._layout import LANES

FARTHEST_POWER = 700.0
ROUNDING = 6755399441055744.0
"""1.5 × 2⁵²: added, it leaves the nearest whole number in a double's lowest bits."""

LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 6.93145751953125e-1, 1.42860682030941723212e-6
SERIES = tuple(1.0 / math.factorial(power) for power in range(12, -1, -1))

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_WHOLE = ir.VectorType(ir.IntType(64), LANES)


def _same(number):
    return ir.Constant(_VECTOR, [number] * LANES)


def _place(context, builder, kind, array, at):
    memory = context.make_array(kind)(context, builder, array)
    return builder.bitcast(builder.gep(memory.data, [at]), _VECTOR.as_pointer())


def _load(builder, place):
    loaded = builder.load(place)
    loaded.align = 8
    return loaded


def _store(builder, value, place):
    builder.store(value, place).align = 8


def _sum_of_products(builder, a, b, c):
    multiply_add = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fmuladd.v{LANES}f64"
    )
    return builder.call(multiply_add, [a, b, c])


def _inverse_of_one_plus_power(builder, x):
    """1 / (1 + e^-x): e^y = 2^n e^r, |r| ≤ ln 2 / 2, and a series for e^r."""
    for compared, limit in ((">", FARTHEST_POWER), ("<", -FARTHEST_POWER)):
        x = builder.select(builder.fcmp_ordered(compared, x, _same(limit)), _same(limit), x)
    shifted = _sum_of_products(builder, x, _same(-LOG2_E), _same(ROUNDING))
    whole = builder.fsub(shifted, _same(ROUNDING))
    rest = builder.fsub(builder.fneg(x), builder.fmul(whole, _same(LN2_HIGH)))
    rest = builder.fsub(rest, builder.fmul(whole, _same(LN2_LOW)))
    power = _same(SERIES[0])
    for term in SERIES[1:]:
        power = _sum_of_products(builder, power, rest, _same(term))
    exponent = builder.shl(builder.bitcast(shifted, _WHOLE), ir.Constant(_WHOLE, [52] * LANES))
    grown = builder.bitcast(builder.add(builder.bitcast(power, _WHOLE), exponent), _VECTOR)
    return builder.fdiv(_same(1.0), builder.fadd(_same(1.0), grown))


@intrinsic
def _vector_sum_products(_typing, target, _at, base, _from, a, _first, b, _start, _step, _count):
    def generate(context, builder, signature, values):
        kinds = signature.args
        total = cgutils.alloca_once_value(
            builder, _load(builder, _place(context, builder, kinds[2], values[2], values[3]))
        )
        with cgutils.for_range(builder, values[9]) as loop:
            here = builder.add(values[5], builder.mul(loop.index, ir.Constant(ir.IntType(64), LANES)))
            there = builder.add(values[7], builder.mul(loop.index, values[8]))
            one = _load(builder, _place(context, builder, kinds[4], values[4], here))
            other = _load(builder, _place(context, builder, kinds[6], values[6], there))
            builder.store(_sum_of_products(builder, one, other, builder.load(total)), total)
        _store(builder, builder.load(total), _place(context, builder, kinds[0], values[0], values[1]))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(target, whole, base, whole, a, whole, b, whole, whole, whole), generate


@intrinsic
def _vector_add_outer(_typing, target, _at, row, _one, _other, columns, _first, _start, _count):
    def generate(context, builder, signature, values):
        kinds = signature.args
        one = _load(builder, _place(context, builder, kinds[2], values[2], values[3]))
        other = _load(builder, _place(context, builder, kinds[2], values[2], values[4]))
        with cgutils.for_range(builder, values[8]) as loop:
            offset = builder.mul(loop.index, ir.Constant(ir.IntType(64), LANES))
            place = _place(context, builder, kinds[0], values[0], builder.add(values[1], offset))
            first = _load(builder, _place(context, builder, kinds[5], values[5], builder.add(values[6], offset)))
            second = _load(builder, _place(context, builder, kinds[5], values[5], builder.add(values[7], offset)))
            grown = _sum_of_products(builder, one, first, _load(builder, place))
            _store(builder, _sum_of_products(builder, other, second, grown), place)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(target, whole, row, whole, whole, columns, whole, whole, whole), generate


@intrinsic
def _vector_sigmoids(_typing, target, _at, mask, _first, _count):
    def generate(context, builder, signature, values):
        kinds = signature.args
        with cgutils.for_range(builder, values[4]) as loop:
            offset = builder.mul(loop.index, ir.Constant(ir.IntType(64), LANES))
            place = _place(context, builder, kinds[0], values[0], builder.add(values[1], offset))
            used = _load(builder, _place(context, builder, kinds[2], values[2], builder.add(values[3], offset)))
            _store(builder, builder.fmul(_inverse_of_one_plus_power(builder, _load(builder, place)), used), place)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(target, whole, mask, whole, whole), generate


@intrinsic
def _vector_misses(_typing, rows, _at, _first, mask, _start, total, _count):
    def generate(context, builder, signature, values):
        kinds = signature.args
        squares = cgutils.alloca_once_value(builder, _same(0.0))
        with cgutils.for_range(builder, values[6]) as loop:
            offset = builder.mul(loop.index, ir.Constant(ir.IntType(64), LANES))
            place = _place(context, builder, kinds[0], values[0], builder.add(values[1], offset))
            wanted = _load(builder, _place(context, builder, kinds[0], values[0], builder.add(values[2], offset)))
            used = _load(builder, _place(context, builder, kinds[3], values[3], builder.add(values[4], offset)))
            drawn = _inverse_of_one_plus_power(builder, _load(builder, place))
            missed = builder.fmul(builder.fsub(wanted, drawn), used)
            _store(builder, missed, place)
            builder.store(_sum_of_products(builder, missed, missed, builder.load(squares)), squares)
        nothing = ir.Constant(ir.IntType(64), 0)
        _store(builder, builder.load(squares), _place(context, builder, kinds[5], values[5], nothing))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(rows, whole, whole, mask, whole, total, whole), generate


def _lanes(array, at, count=1):
    return array[at : at + count * LANES]


def _plain_sum_products(target, at, base, origin, a, first, b, start, step, count):
    total = _lanes(base, origin).copy()
    for number in range(count):
        total += _lanes(a, first + number * LANES) * _lanes(b, start + number * step)
    _lanes(target, at)[:] = total


def _plain_add_outer(target, at, row, one, other, columns, first, start, count):
    for offset in range(0, count * LANES, LANES):
        grown = _lanes(row, one) * _lanes(columns, first + offset)
        _lanes(target, at + offset)[:] += grown + _lanes(row, other) * _lanes(columns, start + offset)


def _drawn(x):
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def _plain_sigmoids(target, at, mask, first, count):
    _lanes(target, at, count)[:] = _drawn(_lanes(target, at, count)) * _lanes(mask, first, count)


def _plain_misses(rows, at, first, mask, start, total, count):
    missed = _lanes(rows, first, count) - _drawn(_lanes(rows, at, count))
    _lanes(rows, at, count)[:] = missed * _lanes(mask, start, count)
    total[:LANES] = (_lanes(rows, at, count) ** 2).reshape(count, LANES).sum(axis=0)


def _chosen(vector, plain):
    return plain if config.DISABLE_JIT else vector  # to fuzz with coverage


_sum_products = _chosen(_vector_sum_products, _plain_sum_products)
_add_outer = _chosen(_vector_add_outer, _plain_add_outer)
_sigmoids = _chosen(_vector_sigmoids, _plain_sigmoids)
_misses = _chosen(_vector_misses, _plain_misses)


@kernel(inline=True)
def sum_products(target, at, base, origin, a, first, b, start, step, count):
    """Makes LANES numbers of `target` those of `base` and the products of `count` times LANES of `a`, one after the
    other, and of `b`, `step` places apart.

    Raises:
        IndexError: They would leave their array.
    """
    last = count - 1
    if (
        min(at, origin, first, start, last, step) < 0
        or at + LANES > target.size
        or origin + LANES > base.size
        or first + count * LANES > a.size
        or start + last * step + LANES > b.size
    ):
        raise IndexError("lanes past the end of an array")
    _sum_products(
        target, np.int64(at), base, np.int64(origin), a, np.int64(first), b, np.int64(start), np.int64(step),
        np.int64(count),
    )  # fmt: skip


@kernel(inline=True)
def add_outer(target, at, row, one, other, columns, first, start, count):
    """Adds to `count` times LANES numbers of `target` the products of row[one…] with columns[first…], and of
    row[other…] with columns[start…].

    Raises:
        IndexError: They would leave their array.
    """
    size = count * LANES
    if (
        min(at, one, other, first, start, count) < 0
        or max(one, other) + LANES > row.size
        or at + size > target.size
        or max(first, start) + size > columns.size
    ):
        raise IndexError("lanes past the end of an array")
    _add_outer(
        target, np.int64(at), row, np.int64(one), np.int64(other), columns, np.int64(first), np.int64(start),
        np.int64(count),
    )  # fmt: skip


@kernel(inline=True)
def sigmoids(target, at, mask, first, count):
    """`count` times LANES numbers x to 1 / (1 + e^-x), to the last bits, times those of the mask.

    Raises:
        IndexError: They would leave an array.
    """
    size = count * LANES
    if min(at, first, count) < 0 or at + size > target.size or first + size > mask.size:
        raise IndexError("lanes past the end of an array")
    _sigmoids(target, np.int64(at), mask, np.int64(first), np.int64(count))


@kernel(inline=True)
def misses(rows, at, first, mask, start, total, count):
    """What stands at `first` less the sigmoids of what stands at `at`, times the mask, written there; `total` becomes
    the sum of squares in each lane.

    Raises:
        IndexError: They would leave an array.
    """
    size = count * LANES
    if (
        min(at, first, start, count) < 0
        or max(at, first) + size > rows.size
        or start + size > mask.size
        or total.size < LANES
    ):
        raise IndexError("lanes past the end of an array")
    _misses(rows, np.int64(at), np.int64(first), mask, np.int64(start), total, np.int64(count))
