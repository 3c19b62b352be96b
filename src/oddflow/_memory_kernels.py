"""Memory: pieces handled at once, the bounds of the whole piece compared before, and lines fetched before their use."""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from oddflow.jit import kernel


@intrinsic
def _memory_copy(_typing, target, _at, source, _first, _size):
    """memcpy; Numba's slices move one byte at a time."""

    def codegen(context, builder, signature, arguments):
        to = context.make_array(signature.args[0])(context, builder, arguments[0])
        come = context.make_array(signature.args[2])(context, builder, arguments[2])
        cgutils.raw_memcpy(
            builder, builder.gep(to.data, [arguments[1]]), builder.gep(come.data, [arguments[3]]), arguments[4], 1
        )
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.int64), codegen


@kernel(merged=True)
def copy_bytes(target, at, source, first, size):
    """Copies `size` bytes of a contiguous uint8 array from flat place `first` to flat place `at` of another.

    Raises:
        IndexError: Either side would leave its array.
    """
    if size < 0 or at < 0 or first < 0 or at + size > target.size or first + size > source.size:
        raise IndexError("bytes copied past the end of an array")
    _memory_copy(target, np.int64(at), source, np.int64(first), np.int64(size))


@intrinsic
def _copy_every(_typing, target, _at, source, _first, _step, _count):
    """A loop without a check of each index, which would cost more than the copy."""

    def codegen(context, builder, signature, arguments):
        to = context.make_array(signature.args[0])(context, builder, arguments[0])
        come = context.make_array(signature.args[2])(context, builder, arguments[2])
        with cgutils.for_range(builder, arguments[5]) as loop:
            place = builder.add(arguments[3], builder.mul(loop.index, arguments[4]))
            value = builder.load(builder.gep(come.data, [place]))
            builder.store(value, builder.gep(to.data, [builder.add(arguments[1], loop.index)]))
        return context.get_dummy_value()

    integer = types.int64
    return types.void(target, integer, source, integer, integer, integer), codegen


@kernel(merged=True)
def copy_every(target, at, source, first, step, count):
    """Copies `count` items, each `step` after the one before, from flat place `first` to flat place `at` onward.

    Both arrays are contiguous and of one type.

    Raises:
        IndexError: Either side would leave its array.
    """
    if count < 0 or at < 0 or first < 0 or step < 0 or at + count > target.size:
        raise IndexError("items copied past the end of an array")
    if count > 0 and first + step * (count - 1) >= source.size:
        raise IndexError("items copied from past the end of an array")
    _copy_every(target, np.int64(at), source, np.int64(first), np.int64(step), np.int64(count))


GROWTHS = 1024
"""So many entries a table of growths has; counts are taken modulo it."""


@intrinsic
def _tally(_typing, data, _first, _size, counts, _at, growths):
    """The loop of `tally`: no index can leave its array, since a byte is below 256 and counts are masked."""

    def codegen(context, builder, signature, arguments):
        come, held, table = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 3, 5)
        )
        word = ir.IntType(64)
        total = cgutils.alloca_once_value(builder, ir.Constant(word, 0))
        with cgutils.for_range(builder, arguments[2]) as loop:
            byte = builder.load(builder.gep(come, [builder.add(arguments[1], loop.index)]))
            place = builder.gep(held, [builder.add(arguments[4], builder.zext(byte, word))])
            count = builder.load(place)
            entry = builder.and_(builder.zext(count, word), ir.Constant(word, GROWTHS - 1))
            builder.store(builder.add(builder.load(total), builder.load(builder.gep(table, [entry]))), total)
            builder.store(builder.add(count, ir.Constant(count.type, 1)), place)
        return builder.load(total)

    integer = types.int64
    return integer(data, integer, integer, counts, integer, growths), codegen


@kernel(merged=True)
def tally(data, first, size, counts, at, growths):
    """Counts the bytes data[first:first + size] (flat) in counts[at:at + 256] (flat); the sum of what they add.

    growths (GROWTHS,) int64: what a count of c adds when it becomes c + 1.

    Raises:
        IndexError: An array would be left.
    """
    if size < 0 or first < 0 or at < 0 or first + size > data.size or at + 256 > counts.size:
        raise IndexError("bytes counted past the end of an array")
    if growths.size != GROWTHS:
        raise IndexError("a table of growths of another size")
    return _tally(data, np.int64(first), np.int64(size), counts, np.int64(at), growths)


@intrinsic
def _memory_find(_typing, data, _first, _size, _byte):
    """memchr; a loop in Numba checks each index."""

    def codegen(context, builder, signature, arguments):
        come = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number, word = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
        find = cgutils.get_or_insert_function(builder.module, ir.FunctionType(byte, [byte, number, word]), "memchr")
        begin = builder.gep(come.data, [arguments[1]])
        found = builder.call(find, [begin, builder.trunc(arguments[3], number), arguments[2]])
        distance = builder.sub(builder.ptrtoint(found, word), builder.ptrtoint(begin, word))
        nowhere = builder.icmp_unsigned("==", found, ir.Constant(byte, None))
        return builder.select(nowhere, arguments[2], distance)

    return types.int64(data, types.int64, types.int64, types.int64), codegen


@kernel(merged=True)
def find_byte(data, first, end, byte):
    """The first place of a byte in data[first:end], or `end`; `first` where the span is empty.

    Raises:
        IndexError: The span leaves the array.
    """
    if first >= end:
        return np.int64(first)
    if first < 0 or end > data.size:
        raise IndexError("a byte looked for past the end of an array")
    return np.int64(first) + _memory_find(data, np.int64(first), np.int64(end - first), np.int64(byte))


@intrinsic
def fetch(_typing, array, _index, _offset):
    """Asks the processor for the cache line of byte `offset` of item `index`. Nothing is read, whatever they are."""

    def codegen(context, builder, signature, arguments):
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte = ir.IntType(8).as_pointer()
        size = ir.Constant(ir.IntType(64), context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype)))
        at = builder.add(builder.mul(arguments[1], size), arguments[2])
        place = builder.gep(builder.bitcast(memory.data, byte), [at])
        number = ir.IntType(32)
        ask = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0i8"
        )
        builder.call(ask, [place, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen
