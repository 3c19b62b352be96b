"""One reusable buffer that a stream is read through, a block at a time."""

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream

BLOCK_BYTES = 512 << 10
"""So small that a block is still in the processor's cache when it is decoded and metered."""

TAIL_BYTES = 1 << 20
"""Room for a packet or pcapng block that began in the block before."""


class BlockBuffer:
    """Holds the bytes of a stream that are at hand: data[start:end].

    Memory is fixed: block_bytes + TAIL_BYTES, whatever the stream holds.

    Args:
        stream: What is read.
        block_bytes: How much is read at a time.
        data: A larger array to work in, from `base` on, where several buffers share one.
    """

    def __init__(
        self,
        stream: ByteStream,
        block_bytes: int = BLOCK_BYTES,
        *,
        data: NDArray[np.uint8] | None = None,
        base: int = 0,
    ) -> None:
        self.data = np.zeros(block_bytes + TAIL_BYTES, np.uint8) if data is None else data
        self.start = base
        self.end = base
        self.waiting = False
        """True where the last read gave nothing yet, of a file that grows."""
        self._stream = stream
        self._view = memoryview(self.data)  # type: ignore[arg-type]
        self._base = base
        self._limit = base + block_bytes + TAIL_BYTES
        self._block_bytes = block_bytes
        self._to_skip = 0

    @property
    def at_hand(self) -> int:
        """Bytes that were read and not used yet."""
        return self.end - self.start

    @property
    def torn(self) -> bool:
        """Whether the stream stands in the middle of something."""
        return self.at_hand > 0 or self._to_skip > 0

    def fill(self) -> bool:
        """Moves what is left to the front and reads on; False where nothing came: the stream is at its end,
        or `waiting`."""
        rest = self.at_hand
        self.data[self._base : self._base + rest] = self.data[self.start : self.end]
        self.start, self.end = self._base, self._base + rest
        filled = self._read(min(self._block_bytes, self._limit - self.end))
        passed = min(self._to_skip, self.at_hand)
        self.start += passed
        self._to_skip -= passed
        return filled

    def _read(self, wanted: int) -> bool:
        before = self.end
        self.waiting = False
        while wanted > 0:
            count = self._stream.readinto(self._view[self.end : self.end + wanted])
            if not count:
                self.waiting = count is None
                break
            self.end += count
            wanted -= count
        return self.end > before

    def need(self, size: int) -> bool:
        """Makes `size` bytes be at hand; False where the stream ends before, or is `waiting`."""
        while self.at_hand < size:
            if not self.fill():
                return False
        return True

    def skip(self, size: int) -> bool:
        """Passes over `size` bytes; False where the stream ends before. Where it is `waiting`, later reads go on."""
        passed = min(size, self.at_hand)
        self.start += passed
        self._to_skip = size - passed
        while self._to_skip:
            if not self.fill():
                return False
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, not used up."""
        return self.data[self.start : self.start + size].tobytes()
