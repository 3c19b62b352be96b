"""The output of another program as a stream: bounded in time and memory, and never left running."""

import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from oddflow.errors import InputError

SILENCE_S = 60.0
"""A program that writes nothing for this long is ended."""

GRACE_S = 5.0
COMPLAINT_BYTES = 2_048
"""What is kept of what it says of errors."""


class Output:
    """What a running program writes.

    Args:
        program: The program.
        command: What it is called.
        name: What messages call what it reads.
        silence_s: How long it may write nothing.
    """

    def __init__(self, program: "subprocess.Popen[bytes]", command: str, name: str, silence_s: float) -> None:
        self._program = program
        self._command = command
        self._name = name
        self._silence_s = silence_s
        self._said = bytearray()
        self._open = selectors.DefaultSelector()
        for pipe in (program.stdout, program.stderr):
            self._open.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            InputError: It wrote nothing for too long.
        """
        while self._open.get_map():
            ready = self._open.select(self._silence_s)
            if not ready:
                raise InputError(
                    f"{self._name}: {self._command} wrote nothing for {self._silence_s:g} s, and was ended; "
                    "is the file whole?"
                )
            for key, _ in ready:
                piece = os.read(key.fd, size)
                if not piece:
                    self._open.unregister(key.fileobj)
                elif key.fileobj is self._program.stdout:
                    return piece
                else:
                    self._said += piece[: COMPLAINT_BYTES - len(self._said)]
        return b""

    def readinto(self, view: memoryview) -> int:
        """Fills the view from its start; how many bytes, 0 at the end."""
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def complaint(self) -> str:
        """What the program, once its output has ended, said of errors, in a line; empty where all was well."""
        code = self._program.wait(GRACE_S)
        text = " ".join(self._said.decode("utf-8", "replace").split())
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
        if code < 0:
            return f"{text} (it was ended by {signal.Signals(-code).name})".strip()
        return text or (f"it ended with exit code {code}" if code else "")

    def close(self) -> None:
        """Ends the program if it still runs, and waits for it: nothing is left behind."""
        self._open.close()
        if self._program.poll() is None:
            self._program.kill()
        self._program.wait()


@contextmanager
def output_of(command: Sequence[str], name: str, *, silence_s: float = SILENCE_S) -> Iterator[Output]:
    """Runs a program, without a shell and without input.

    Args:
        command: The program's path, and its arguments.
        name: What messages call what it reads.
        silence_s: How long it may write nothing.

    Raises:
        InputError: It cannot be started.
    """
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)},
        )
    except OSError as error:
        raise InputError(f"{name} needs {command[0]}, which cannot be started: {error.strerror}") from None
    with program:
        output = Output(program, command[0], name, silence_s)
        try:
            yield output
        finally:
            output.close()
