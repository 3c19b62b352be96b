"""Calls the command as a shell does: words in; exit code, standard output and standard error out."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from oddflow.cli.main import main

COMMAND = [sys.executable, "-m", "oddflow.cli.main"]
CODES = {0, 2, 3, 4, 5}


@dataclass(frozen=True)
class Outcome:
    """What a shell sees."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON value on standard output."""
        return json.loads(self.out)

    @property
    def message(self):
        """The last words on standard error."""
        return self.err.strip().splitlines()[-1]


def call(*words, stdin=b""):
    """Runs the command in this process; a traceback, an internal error or a raw control character fails the test."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    code = 0
    with (
        patch.object(sys, "argv", ["oddflow", *map(str, words)]),
        patch.object(sys, "stdin", given),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    err.flush()
    written = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return checked(Outcome(code, *written))


def checked(outcome):
    """The same outcome, once it is one that a user may meet."""
    everything = outcome.out + outcome.err
    assert "Traceback" not in everything, everything
    assert "oddflow: internal error" not in everything, everything
    assert outcome.code in CODES, outcome
    assert not {c for c in everything if not c.isprintable()} - {"\n"}, repr(everything)
    return outcome


def spawn(*words, **options):
    """Runs the command in a process of its own, to its end."""
    options = {"capture_output": True, "timeout": 120, "stdin": subprocess.DEVNULL} | options
    if "input" in options:
        del options["stdin"]
    return subprocess.run([*COMMAND, *map(str, words)], check=False, **options)


def refused(outcome, *expected, code=2):
    """Asserts one message, with all of these words, and nothing on standard output."""
    assert outcome.code == code, outcome
    assert outcome.out == "", outcome
    assert outcome.message.startswith("oddflow: "), outcome
    for words in expected:
        assert words in outcome.message, (words, outcome.message)


def left(folder: Path):
    """The names of all files in a folder: none may be left half written."""
    return sorted(path.name for path in folder.iterdir())


def fixed_key(path):
    """A key file that is the same in each run: one key in 256 maps 10.0.0.0/8 to itself."""
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path
