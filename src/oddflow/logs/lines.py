"""Whole lines of a stream, block after block, in bounded memory; each block knows its first line's number."""

from collections.abc import Iterator
from dataclasses import dataclass

from oddflow.capture.stream import ByteStream
from oddflow.losses import Ledger, Loss

BLOCK_BYTES = 1 << 22
LINE_BYTES = 1 << 20
"""A longer line is a loss."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines.

    Attributes:
        data: Whole lines, each with its line end; empty where nothing has come yet from a stream that grows.
        first_line: The number of the first of them in the file, from 1.
        is_cut: Whether the last has no line end: the file ends in it.
    """

    data: bytes
    first_line: int
    is_cut: bool = False

    @property
    def lines(self) -> int:
        """How many."""
        return self.data.count(b"\n") + self.is_cut


def blocks_of(
    stream: ByteStream, name: str, ledger: Ledger, *, block_bytes: int = BLOCK_BYTES, line_bytes: int = LINE_BYTES
) -> Iterator[Block]:
    """Blocks of whole lines; an empty one each time that a growing stream has nothing new.

    Args:
        stream: Plain bytes.
        name: What messages call it.
        ledger: Told of lines that are too long.
        block_bytes: About the size of a block, in bytes.
        line_bytes: The most that a line may have, in bytes; at most `block_bytes`.
    """
    buffer = bytearray(block_bytes + line_bytes)
    view = memoryview(buffer)
    held, line = 0, 1
    too_long = False
    while True:
        count = stream.readinto(view[held : held + block_bytes])
        if count is None:
            yield Block(b"", line)
            continue
        if not count:
            break
        end = held + count
        if too_long:  # the rest of a line that was given up
            stop = buffer.find(b"\n", held, end)
            if stop < 0:
                continue
            too_long = False
            line += 1
            view[: end - stop - 1] = bytes(view[stop + 1 : end])
            held, end = 0, end - stop - 1
        whole = buffer.rfind(b"\n", 0, end) + 1
        if whole:
            block = Block(bytes(view[:whole]), line)
            line += block.lines
            yield block
        held = end - whole
        view[:held] = bytes(view[whole:end])
        if held > line_bytes:
            ledger.lost(Loss.RECORD, 1, f"line of more than {line_bytes:,} bytes", at=f"{name}, line {line}")
            held, too_long = 0, True
    if held:
        yield Block(bytes(view[:held]), line, is_cut=True)
