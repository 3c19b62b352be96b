"""A capture that comes in, straight to disk and no further than it may."""

import hashlib
import os
import re
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

MOST_NAME = 120
BLOCK_BYTES = 1 << 20


class TooLarge(Exception):
    """More came than is taken."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came: how much, and the SHA-256 of it."""

    size_bytes: int
    sha256: str


async def receive(stream: AsyncIterator[bytes], path: Path, most_bytes: int) -> Received:
    """Writes a stream to a new file.

    Args:
        stream: What comes, piece by piece.
        path: A place that nothing is at; a name of ours.
        most_bytes: How much is taken.

    Raises:
        TooLarge: More came; nothing is left of it.
        OSError: It cannot be written; nothing is left of it.
    """
    digest, size = hashlib.sha256(), 0
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(place, "wb", buffering=BLOCK_BYTES) as file:  # noqa: PTH123
            async for piece in stream:
                size += len(piece)
                if size > most_bytes:
                    raise TooLarge  # noqa: TRY301  (what was written goes with it)
                digest.update(piece)
                await run_in_threadpool(file.write, piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Received(size, digest.hexdigest())


def shown_name(text: str) -> str:
    r"""What whoever sent it calls it, as far as that can be shown; never a path of ours.

    >>> shown_name("../../etc/passwd"), shown_name("a\x00b\u202ec.pcap"), shown_name("")
    ('passwd', 'abc.pcap', 'capture')
    """
    last = re.split(r"[/\\]", text)[-1]
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return shown[:MOST_NAME] or "capture"
