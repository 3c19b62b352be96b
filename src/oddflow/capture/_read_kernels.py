"""Reads numbers out of a byte array, whole and checked.

How it is ensured that no kernel reads in front of an array or past its end: Numba takes a negative index to count from
the end, with bounds checks on, too. So packets are read through these functions alone. Each compares its offset with
the array's length as unsigned numbers, where a negative offset is a huge one, and raises IndexError before it reads.
Parsers compare with the end of their packet before they ask, so that nothing here is ever raised: it is a net.

One comparison for 2, 4 or 8 bytes is also what makes decoding fast: Numba itself checks byte by byte.
"""

import sys

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from oddflow.jit import kernel

LITTLE = sys.byteorder == "little"


def _plain_reader(size, order):
    number_of = np.uint64 if size == 8 else int

    def read(data, at):
        if not 0 <= at <= len(data) - size:
            raise IndexError("read outside of the bytes")
        return number_of(int.from_bytes(data[at : at + size].tobytes(), order))

    return read


def _reader(size, swapped):
    """A function (data, at) -> the unsigned number in `size` bytes: int64, or uint64 where it has 8 bytes."""
    if config.DISABLE_JIT:  # to fuzz with coverage
        return _plain_reader(size, "big" if swapped == LITTLE else "little")
    result = types.uint64 if size == 8 else types.int64

    @intrinsic
    def read(typing_context, data, at):  # noqa: ARG001  # Numba hands it over
        if not isinstance(data, types.Array) or data.dtype != types.uint8 or data.ndim != 1 or data.layout != "C":
            return None

        def generate(context, builder, signature, values):
            array = context.make_array(signature.args[0])(context, builder, values[0])
            at = context.cast(builder, values[1], signature.args[1], types.int64)
            last = builder.sub(array.nitems, ir.Constant(ir.IntType(64), size))
            outside = builder.or_(
                builder.icmp_unsigned(">", at, last),
                builder.icmp_signed("<", last, ir.Constant(ir.IntType(64), 0)),
            )
            with builder.if_then(outside, likely=False):
                context.call_conv.return_user_exc(builder, IndexError, ("read outside of the bytes",))
            bits = ir.IntType(8 * size)
            place = builder.bitcast(builder.gep(array.data, [at]), bits.as_pointer())
            number = builder.load(place)
            number.align = 1
            if swapped and size > 1:
                swap = cgutils.get_or_insert_function(
                    builder.module, ir.FunctionType(bits, [bits]), f"llvm.bswap.i{8 * size}"
                )
                number = builder.call(swap, [number])
            return number if size == 8 else builder.zext(number, ir.IntType(64))

        return result(data, at), generate

    return read


read_byte = _reader(1, swapped=False)
network_u16 = _reader(2, swapped=LITTLE)
network_u32 = _reader(4, swapped=LITTLE)
network_u64 = _reader(8, swapped=LITTLE)
little_u16 = _reader(2, swapped=not LITTLE)
little_u32 = _reader(4, swapped=not LITTLE)


@kernel()
def read_u16(data, at, big_endian):
    """Two bytes as an unsigned number."""
    return network_u16(data, at) if big_endian else little_u16(data, at)


@kernel()
def read_u32(data, at, big_endian):
    """Four bytes as an unsigned number."""
    return network_u32(data, at) if big_endian else little_u32(data, at)
