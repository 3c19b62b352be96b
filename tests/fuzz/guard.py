"""Kernels as plain Python, over arrays that refuse a negative index.

Numba's bounds checks let negative indices through, which count from the end. Here each kernel runs uncompiled,
and every array it is given or makes raises on a negative index, a negative bound of a slice, and a step back.
Call `interpret` before anything else of Oddflow is imported, in a process of its own.
"""

import hashlib
import importlib
import itertools
import os
import sys
from functools import wraps
from numbers import Integral

import numpy as np

SMALL = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32)


class NegativeIndex(IndexError):
    """A kernel formed a negative index."""


def promoted(value):
    """Numba computes with small integers as int64; NumPy would not."""
    return np.int64(value) if isinstance(value, SMALL) else value


def check(index):
    """Refuses an index that counts from the end."""
    for part in index if isinstance(index, tuple) else (index,):
        bounds = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
        for bound in bounds:
            if isinstance(bound, Integral) and bound < 0:
                raise NegativeIndex(f"index {index}")


class GuardedRecord(np.record):
    """A record whose small integers are read as int64."""

    def __getattribute__(self, name):
        return promoted(super().__getattribute__(name))


class GuardedArray(np.ndarray):
    """An array that takes no negative index; assigning it a number wraps, as compiled code does."""

    def __getitem__(self, index):
        check(index)
        return promoted(super().__getitem__(index))

    def __setitem__(self, index, value):
        check(index)
        super().__setitem__(index, value)


def guarded(value):
    """An array's guarded view, or those of a tuple's arrays; anything else as it is."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(guarded, value))
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names is not None:
        value = value.view(np.dtype((GuardedRecord, value.dtype)))
    return value.view(GuardedArray)


class GuardedNumpy:
    """NumPy as kernels see it: what makes arrays makes guarded ones."""

    def __getattr__(self, name):
        found = getattr(np, name)
        if name in {"empty", "zeros", "ones", "full", "arange", "empty_like", "zeros_like"}:
            return lambda *arguments, **more: guarded(found(*arguments, **more))
        return found


def kernel(*signatures, **_):
    """In place of `oddflow.jit.kernel`: nothing is compiled, and what Python hands over is guarded."""

    def decorate(function):
        if not signatures:
            return function

        @wraps(function)
        def call(*arguments):
            with np.errstate(over="ignore"):
                return function(*[guarded(argument) for argument in arguments])

        return call

    return decorate


READERS = {
    "read_byte": (1, "big"), "network_u16": (2, "big"), "network_u32": (4, "big"), "network_u64": (8, "big"),
    "little_u16": (2, "little"), "little_u32": (4, "little"),
}  # fmt: skip
"""What reads bytes in compiled code alone, and cannot be called from Python: bytes and their order."""


def reader(size, order):
    """The plain twin of such a function."""
    number = np.uint64 if size == 8 else np.int64

    def read(data, at):
        if at < 0:
            raise NegativeIndex(f"{size} bytes at {at}")
        if at + size > len(data):
            raise IndexError(f"{size} bytes at {at} of {len(data)}")
        return number(int.from_bytes(np.asarray(data)[at : at + size].tobytes(), order))

    return read


def copy_bytes(target, at, source, first, size):
    """The plain twin of `oddflow._memory_kernels.copy_bytes`."""
    if min(size, at, first) < 0:
        raise NegativeIndex(f"{size} bytes from {first} to {at}")
    to, come = (np.asarray(array).reshape(-1) for array in (target, source))
    if at + size > len(to) or first + size > len(come):
        raise IndexError(f"{size} bytes from {first} of {len(come)} to {at} of {len(to)}")
    to[at : at + size] = come[first : first + size]


def copy_every(target, at, source, first, step, count):
    """The plain twin of `oddflow._memory_kernels.copy_every`."""
    if min(count, at, first, step) < 0:
        raise NegativeIndex(f"{count} items from {first} to {at}")
    to, come = (np.asarray(array).reshape(-1) for array in (target, source))
    if at + count > len(to) or first + step * (count - 1) >= len(come):
        raise IndexError(f"{count} items, each {step} after the last, from {first} of {len(come)} to {at} of {len(to)}")
    to[at : at + count] = come[first : first + step * count : step]


def tally(data, first, size, counts, at, growths):
    """The plain twin of `oddflow._memory_kernels.tally`."""
    if min(size, first, at) < 0:
        raise NegativeIndex(f"{size} bytes from {first} counted at {at}")
    bytes_, held, total = np.asarray(data).reshape(-1), np.asarray(counts).reshape(-1), 0
    if first + size > len(bytes_) or at + 256 > len(held):
        raise IndexError(f"{size} bytes from {first} of {len(bytes_)} counted at {at} of {len(held)}")
    for byte in bytes_[first : first + size].tolist():
        total += int(growths[int(held[at + byte])])
        held[at + byte] += 1
    return np.int64(total)


def find_byte(data, first, end, byte):
    """The plain twin of `oddflow._memory_kernels.find_byte`."""
    if first >= end:
        return np.int64(first)
    if first < 0 or end > len(data):
        raise IndexError(f"{first} to {end} of {len(data)}")
    found = np.asarray(data)[first:end].tobytes().find(bytes([byte]))
    return np.int64(end if found < 0 else first + found)


def replace_what_is_compiled():
    """Puts the twins in place, before other kernels import what they replace."""
    readers = importlib.import_module("oddflow.capture._read_kernels")
    for name, (size, order) in READERS.items():
        setattr(readers, name, reader(size, order))
    memory = importlib.import_module("oddflow._memory_kernels")
    memory.copy_bytes = copy_bytes
    memory.copy_every = copy_every
    memory.tally = tally
    memory.find_byte = find_byte
    memory.fetch = lambda *_: None


def sha1_blocks(schedule, state):
    """The plain twin of `oddflow.flows._text_kernels.sha1_blocks`, of messages that fill less than a block."""
    words, digests = np.asarray(schedule), np.asarray(state)
    for lane in range(words.shape[1]):
        message = words[:, lane].astype(">u4").tobytes()[: int(words[15, lane]) // 8]
        digests[:, lane] = np.frombuffer(hashlib.sha1(message, usedforsecurity=False).digest(), ">u4")


def after_the_first(guarded_kernel, twin):
    """The kernel in its first call, then its twin: for one that forms the same indices whatever it is given."""
    calls = itertools.count()
    return lambda *arguments: twin(*arguments) if next(calls) else guarded_kernel(*arguments)


def interpret():
    """Makes all kernels plain Python, for the rest of this process."""
    if "oddflow.capture" in sys.modules or "oddflow.flows" in sys.modules:
        raise RuntimeError("kernels are compiled already; interpret() comes before all other imports of Oddflow")
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    from oddflow import jit

    jit.kernel = kernel
    replace_what_is_compiled()
    for name in jit.kernel_modules():
        module = importlib.import_module(name)
        if hasattr(module, "np"):
            module.np = GuardedNumpy()
    text = importlib.import_module("oddflow.flows._text_kernels")
    text.sha1_blocks = after_the_first(text.sha1_blocks, sha1_blocks)  # nine tenths of the time, uncompiled
