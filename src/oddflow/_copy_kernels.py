"""Copies bytes: the one place where the bounds of a whole piece are compared, not those of each byte."""

import numpy as np
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


@kernel()
def copy_bytes(target, at, source, first, size):
    """Copies `size` bytes of a contiguous uint8 array from flat place `first` to flat place `at` of another.

    Raises:
        IndexError: Either side would leave its array.
    """
    if size < 0 or at < 0 or first < 0 or at + size > target.size or first + size > source.size:
        raise IndexError("bytes copied past the end of an array")
    _memory_copy(target, np.int64(at), source, np.int64(first), np.int64(size))
