"""Pieces of memory handled at once: as plain Python does it, and never past an array's end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers

from oddflow._memory_kernels import GROWTHS, copy_bytes, copy_every, find_byte, tally
from oddflow.jit import kernel


@kernel("void(u1[::1], i8, u1[::1], i8, i8)")
def copy_at_once(target, at, source, first, size):
    copy_bytes(target, at, source, first, size)


@kernel("void(u2[::1], i8, u2[::1], i8, i8, i8)")
def copy_steps(target, at, source, first, step, count):
    copy_every(target, at, source, first, step, count)


@kernel("i8(u1[::1], i8, i8, u2[:, ::1], i8, i8[::1])")
def tallied(data, first, size, counts, at, growths):
    return tally(data, first, size, counts, at, growths)


@kernel("i8(u1[::1], i8, i8, i8)")
def found(data, first, end, byte):
    return find_byte(data, first, end, byte)


PLACES = integers(-3, 40)
GROWTH = np.arange(GROWTHS, dtype=np.int64) ** 2


@given(PLACES, PLACES, integers(-1, 6), PLACES)
def test_items_are_copied_step_by_step_or_not_at_all(at, first, step, count):
    source, target = np.arange(30, dtype=np.uint16), np.zeros(20, np.uint16)
    fits = min(at, first, step, count) >= 0 and at + count <= 20 and (count == 0 or first + step * (count - 1) < 30)
    if not fits:
        with pytest.raises(IndexError):
            copy_steps(target, at, source, first, step, count)
        return
    copy_steps(target, at, source, first, step, count)
    expected = np.zeros(20, np.uint16)
    expected[at : at + count] = [source[first + step * i] for i in range(count)]
    assert target.tolist() == expected.tolist()


@given(PLACES, PLACES, PLACES)
def test_bytes_are_copied_or_not_at_all(at, first, size):
    source, target = np.arange(30, dtype=np.uint8), np.zeros(20, np.uint8)
    if min(at, first, size) < 0 or at + size > 20 or first + size > 30:
        with pytest.raises(IndexError):
            copy_at_once(target, at, source, first, size)
        return
    copy_at_once(target, at, source, first, size)
    assert target[at : at + size].tolist() == source[first : first + size].tolist()


@given(binary(max_size=60), integers(-2, 62), integers(-2, 62), integers(-2, 258))
def test_bytes_are_counted_or_not_at_all(data, first, size, at):
    held, counts = np.frombuffer(bytearray(data), np.uint8), np.zeros((2, 256), np.uint16)
    if min(first, size, at) < 0 or first + size > len(data) or at + 256 > 512:
        with pytest.raises(IndexError):
            tallied(held, first, size, counts, at, GROWTH)
        return
    total = tallied(held, first, size, counts, at, GROWTH)
    expected = np.bincount(held[first : first + size], minlength=256)
    assert counts.reshape(-1)[at : at + 256].tolist() == expected.tolist()
    assert total == sum(int(GROWTH[:count].sum()) for count in expected)


def test_a_table_of_growths_of_another_size_is_refused():
    with pytest.raises(IndexError, match="growths"):
        tallied(np.zeros(3, np.uint8), 0, 3, np.zeros((2, 256), np.uint16), 0, GROWTH[:-1])


@given(binary(max_size=30), integers(-2, 32), integers(-2, 32), integers(0, 255))
def test_a_byte_is_found_as_python_finds_it(data, first, end, byte):
    held = np.frombuffer(bytearray(data), np.uint8)
    if first >= end:
        assert found(held, first, end, byte) == first
    elif first < 0 or end > len(data):
        with pytest.raises(IndexError):
            found(held, first, end, byte)
    else:
        place = data.find(byte, first, end)
        assert found(held, first, end, byte) == (end if place < 0 else place)
