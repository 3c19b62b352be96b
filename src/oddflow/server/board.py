"""Where the processes of the service tell how they are: memory that they share, a slot each."""

import mmap
import struct
import zlib

HEADER = struct.Struct("<QII")
"""A number that is odd while something is written, the length, the CRC-32."""
SLOT_BYTES = 64 << 10
TRIES = 64


class Board:
    """Slots of text; each has one writer, all may read. Made before the processes are forked.

    >>> board = Board(2)
    >>> board.tell(1, '{"flows": 3}')
    >>> board.read(1), board.read(0)
    ('{"flows": 3}', '')
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * SLOT_BYTES)

    def tell(self, slot: int, text: str) -> None:
        """Writes a slot; what does not fit is cut, and then reads as nothing.

        Raises:
            IndexError: There is no such slot.
        """
        content = text.encode("utf-8", "replace")[: SLOT_BYTES - HEADER.size]
        at = self._place(slot)
        turn, _, _ = HEADER.unpack_from(self._memory, at)
        turn += 1 + turn % 2  # a writer that died left it odd
        HEADER.pack_into(self._memory, at, turn, 0, 0)
        self._memory[at + HEADER.size : at + HEADER.size + len(content)] = content
        HEADER.pack_into(self._memory, at, turn + 1, len(content), zlib.crc32(content))

    def read(self, slot: int) -> str:
        """What a slot says; empty where nothing was told, or its writer died while it wrote.

        Raises:
            IndexError: There is no such slot.
        """
        at = self._place(slot)
        for _ in range(TRIES):
            turn, length, checksum = HEADER.unpack_from(self._memory, at)
            content = self._memory[at + HEADER.size : at + HEADER.size + min(length, SLOT_BYTES - HEADER.size)]
            if turn % 2 == 0 and zlib.crc32(content) == checksum:
                return content.decode("utf-8", "replace")
        return ""

    def _place(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        return slot * SLOT_BYTES
