"""Opens the file of a section: bare, gzip, zstd, or a member of a zip file."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from oddflow.capture.stream import ByRead, ByteStream, plain_bytes
from oddflow.datasets.readers.piece import Task
from oddflow.errors import InputError, Unreadable
from oddflow.files import reason_of
from oddflow.losses import Ledger

ZIP_MAGIC = b"PK\x03\x04"
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError
)  # fmt: skip
"""What zipfile raises for a member that is damaged, cut, encrypted, or packed in a way that it does not know."""


class _Member(ByRead):
    """The bytes of a zip file's member; what breaks off is a damage."""

    def __init__(self, file: IO[bytes], name: str, ledger: Ledger) -> None:
        self._file = file
        self._name = name
        self._ledger = ledger

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        try:
            return self._file.read(size)
        except DAMAGED as error:
            self._ledger.damaged(f"{self._name}: the zip file is cut or damaged ({error})")
            return b""


@contextmanager
def opened(task: Task) -> Iterator[ByteStream]:
    """The plain bytes of a section's file.

    Raises:
        Unreadable: It cannot be opened.
        InputError: It is a zip file without the member.
    """
    with plain_bytes(str(task.path), task.ledger) as (first, stream):
        if not first.startswith(ZIP_MAGIC):
            yield stream
            return
    with ExitStack() as stack:
        try:
            packed = stack.enter_context(zipfile.ZipFile(task.path))
            file = stack.enter_context(packed.open(_member(packed, task)))
        except DAMAGED as error:
            raise Unreadable(f"{task.name} cannot be read: {reason_of(error)}; is the zip file whole?") from None
        yield _Member(file, task.name, task.ledger)


def _member(packed: zipfile.ZipFile, task: Task) -> str:
    """The member's whole name: zip files of the same set differ in their folders."""
    names = packed.namelist()
    wanted = task.section.member
    found = [name for name in names if name == wanted or name.endswith("/" + wanted)] if wanted else names
    if len(found) != 1:
        what = f"{len(found)} members called {wanted}" if wanted else f"{len(names)} members, and one is expected"
        raise InputError(f"{task.path} has {what}; it holds {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    return found[0]
