"""Numbers read out of bytes: right where they lie inside, refused everywhere else."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, sampled_from
from numba import njit

from oddflow.capture import _read_kernels as kernels

READERS = {
    "read_byte": (1, "big"), "network_u16": (2, "big"), "network_u32": (4, "big"), "network_u64": (8, "big"),
    "little_u16": (2, "little"), "little_u32": (4, "little"),
}  # fmt: skip


def calling(name):
    reader = getattr(kernels, name)

    @njit
    def call(data, at):
        return reader(data, at)

    return call


COMPILED = {name: calling(name) for name in READERS}


@given(binary(max_size=12), integers(-3, 14), sampled_from(sorted(READERS)))
def test_numbers_are_read_inside_and_refused_outside(data, at, name):
    size, order = READERS[name]
    held = np.frombuffer(data, np.uint8).copy()
    if 0 <= at <= len(data) - size:
        assert COMPILED[name](held, at) == int.from_bytes(data[at : at + size], order)
    else:
        with pytest.raises(IndexError, match="outside"):
            COMPILED[name](held, at)


@pytest.mark.parametrize("at", [-(2**63), -1, 2**62, 2**63 - 1])
def test_no_offset_wraps_around(at):
    with pytest.raises(IndexError):
        COMPILED["network_u32"](np.zeros(100, np.uint8), at)


def test_numbers_are_read_without_compilation_too():
    code = (
        "import numpy as np; from oddflow.capture._read_kernels import *\n"
        "data = np.arange(1, 9, dtype=np.uint8)\n"
        "print(read_byte(data, 7), network_u16(data, 0), little_u32(data, 4), network_u64(data, 0))\n"
        "try: network_u32(data, -1)\n"
        "except IndexError: print('refused')"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, timeout=60,
        check=True,
    )  # fmt: skip
    numbers = int.from_bytes(bytes(range(5, 9)), "little"), int.from_bytes(bytes(range(1, 9)), "big")
    assert told.stdout.decode().split() == ["8", "258", *map(str, numbers), "refused"]
