"""One reusable buffer that a stream is read through, a block at a time."""

import numpy as np

from oddflow.capture.stream import ByteStream, read_into

BLOCK_BYTES = 512 << 10
"""So small that a block is still in the processor's cache when it is decoded and metered."""

TAIL_BYTES = 1 << 20
"""Room for a packet or pcapng block that began in the block before."""


class BlockBuffer:
    """Holds the bytes of a stream that are at hand: data[start:end].

    Memory is fixed: block_bytes + TAIL_BYTES, whatever the stream holds.
    """

    def __init__(self, stream: ByteStream, block_bytes: int = BLOCK_BYTES) -> None:
        self.data = np.zeros(block_bytes + TAIL_BYTES, np.uint8)
        self.start = 0
        self.end = 0
        self._stream = stream
        self._block_bytes = block_bytes

    @property
    def at_hand(self) -> int:
        """Bytes that were read and not used yet."""
        return self.end - self.start

    def fill(self) -> bool:
        """Moves what is left to the front and reads on; False when the stream is at its end."""
        rest = self.at_hand
        self.data[:rest] = self.data[self.start : self.end]
        self.start, self.end = 0, rest
        wanted = min(self._block_bytes, len(self.data) - rest)
        room = memoryview(self.data)  # type: ignore[arg-type]
        while wanted > 0:
            size = read_into(self._stream, room[self.end : self.end + wanted])
            if not size:
                break
            self.end += size
            wanted -= size
        return self.end > rest

    def need(self, size: int) -> bool:
        """Makes `size` bytes be at hand; False where the stream ends before."""
        while self.at_hand < size:
            if not self.fill():
                return False
        return True

    def skip(self, size: int) -> bool:
        """Passes over `size` bytes; False where the stream ends before."""
        while size > self.at_hand:
            size -= self.at_hand
            self.start = self.end
            if not self.fill():
                return False
        self.start += size
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, not used up."""
        return self.data[self.start : self.start + size].tobytes()
