"""Appends to a file, a line for each message."""

import os
from collections.abc import Sequence
from pathlib import Path

from oddflow.errors import OutputError
from oddflow.files import reason_of
from oddflow.outputs.address import Address
from oddflow.outputs.formats import Format
from oddflow.outputs.message import Message
from oddflow.outputs.transport import NotDelivered


class File:
    """A file that grows; what it held before stays. A line that was cut by a death is ended first.

    Raises:
        OutputError: It cannot be opened.
    """

    def __init__(self, address: Address, form: Format) -> None:
        self.most = 1_000
        self.interval_s = 0.0
        self._path = address.path
        self._heading = form.heading
        try:
            self._file = self._open()
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {reason_of(error)}; name a file in a folder that exists"
            ) from None

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport: on the disk when it returns."""
        try:
            begins = self._heading.encode() + b"\n" if self._heading and not os.fstat(self._file).st_size else b""
            size = os.fstat(self._file).st_size
            content = begins + b"".join(message.body + b"\n" for message in messages)
            try:
                while content:
                    content = content[os.write(self._file, content) :]
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)
                raise
        except OSError as error:
            raise NotDelivered(reason_of(error)) from None

    def close(self) -> None:
        """As Transport."""
        os.close(self._file)

    def _open(self) -> int:
        if Path(self._path).exists() and not Path(self._path).is_file():
            raise OutputError(f"{self._path} is no file; name one in a folder that exists")
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")
        return file
