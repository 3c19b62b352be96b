"""Images in the idx format of MNIST: one file of n images of bytes, one of n labels.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits": big-endian, magic 0x00000803 and 0x00000801.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from oddflow.capture.stream import ByteStream
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale
from oddflow.features.image import SIDE, Image

IMAGES, LABELS = 0x803, 0x801
MOST_PIXELS = 1 << 16
MOST_IMAGES = 1 << 26
BLOCK_PIXELS = 1 << 23
"""At a time: 8 MB, and 32 MB as float32."""


def read(task: Task) -> Iterator[Piece]:
    """The images as rows of pixels, line after line: as Oddflow sees flows where they are as large, else 0 to 255.

    Raises:
        InputError: A file is not what it should be, is cut, or the two do not belong together.
    """
    if task.truth is None:
        raise InputError(f"{task.name} needs a file of labels beside it")
    labels = _labels(replace(task, path=task.truth))
    with opened(task) as stream:
        count, height, width = _header(stream, IMAGES, 3, task.name)
        pixels = height * width
        if not 0 < pixels <= MOST_PIXELS:
            raise InputError(f"{task.name} has images of {height} × {width} pixels; at most {MOST_PIXELS:,} are read")
        if count != len(labels):
            raise InputError(f"{task.name} has {count:,} images, and {task.truth} {len(labels):,} labels")
        is_ours = (height, width) == (SIDE, SIDE)
        features = Image().features if is_ours else _features(pixels)
        step = max(1, BLOCK_PIXELS // pixels)
        for start in range(0, count, step):
            rows = min(step, count - start)
            bytes_read = np.frombuffer(_exactly(stream, rows * pixels, task.name), np.uint8).reshape(rows, pixels)
            names = [_name(task, number) for number in labels[start : start + rows]]
            x = bytes_read.astype(np.float32) / np.float32(255 if is_ours else 1)
            yield Piece(x, features, pa.array(names, pa.string()))


def _features(pixels: int) -> tuple[Feature, ...]:
    places = range(pixels)
    return tuple(Feature(f"pixel_{place:03d}", "", Scale.LINEAR, f"byte {place}: {{value}}") for place in places)


def _labels(task: Task) -> bytes:
    with opened(task) as stream:
        (count,) = _header(stream, LABELS, 1, task.name)
        return _exactly(stream, count, task.name)


def _name(task: Task, number: int) -> str:
    names = task.section.names
    if number >= len(names):
        raise InputError(f"{task.truth} has the label {number}; expected 0 to {len(names) - 1}")
    return names[number]


def _header(stream: ByteStream, magic: int, sizes: int, name: str) -> tuple[int, ...]:
    found, *numbers = struct.unpack(f">I{sizes}I", _exactly(stream, 4 * (1 + sizes), name))
    if found != magic:
        raise InputError(f"{name} begins with 0x{found:08x}; expected 0x{magic:08x}, an idx file")
    if numbers[0] > MOST_IMAGES:
        raise InputError(f"{name} says that it has {numbers[0]:,} items; at most {MOST_IMAGES:,} are read")
    return tuple(numbers)


def _exactly(stream: ByteStream, size: int, name: str) -> bytes:
    held = bytearray()
    while len(held) < size:
        piece = stream.read(min(size - len(held), 1 << 20))
        if not piece:
            raise InputError(f"{name} is cut: {size - len(held):,} bytes are missing")
        held += piece
    return bytes(held)
