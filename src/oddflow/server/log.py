"""What the processes say of themselves, on standard error: lines for people, or JSON for machines.

    from oddflow.server import log
    log.setup(settings.log, "judge office")
    logging.getLogger("oddflow.work").warning("the store is down", extra={"source": "office", "event": "store-down"})

Under systemd each line begins with its priority (sd-daemon(3)), and the journal adds the time. Extra fields may have
any name that a `LogRecord` does not have already: logging itself refuses those. No line holds a control character: what
others sent may be in it. Secrets are never passed here; what looks like one is masked, should one slip through.
"""

import json
import logging
import os
import re
import sys
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TextIO

from oddflow.server.settings.settings import LogSection

MOST_CHARACTERS = 4_096
"""Of a message or field; what is longer is cut."""
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog's (RFC 5424, table 2)."""
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = re.compile(
    r"oddflow_[A-Za-z0-9_-]{8,}"
    r"|(?<=://)[^/\s@]*:[^/\s@]*(?=@)"
    r"|(?i:(?<=bearer )\S+|(?<=password=)[^\s&]+|(?<=secret=)[^\s&]+|(?<=token=)[^\s&]+)"
    r"|(?<=/first/)[A-Za-z0-9_-]{8,}"
)


def setup(settings: LogSection, process: str, stream: TextIO | None = None) -> None:
    """Sends the log of this process to standard error; called again in each process, with its own name.

    Args:
        settings: Level and format.
        process: What this process is called, like "web" or "capture office".
        stream: Elsewhere than standard error.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    under_systemd = is_journal(stream)
    chosen = Json if settings.format == "json" else Text
    handler.setFormatter(chosen(process, prefix=under_systemd))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("oddflow").setLevel(settings.level.upper())
    logging.captureWarnings(True)


def is_journal(stream: TextIO) -> bool:
    """Whether a stream leads to systemd's journal: JOURNAL_STREAM names its device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


class _Format(logging.Formatter, ABC):
    def __init__(self, process: str, *, prefix: bool) -> None:
        super().__init__()
        self.process = process
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """One line of it."""
        line = self.line(record, _plain(record.getMessage()), _fields(record))
        if not self.prefix:
            return line
        level = max((level for level in PRIORITIES if level <= record.levelno), default=logging.DEBUG)
        return f"<{PRIORITIES[level]}>{line}"

    @abstractmethod
    def line(self, record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
        """The line without its priority."""


class Text(_Format):
    """`2026-03-01T10:00:00.123Z warning judge office: the store is down event=store-down`."""

    def line(self, record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
        """The time stands there unless the journal adds it."""
        more = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
        body = f"{self.process}: {message}{more}"
        return body if self.prefix else f"{_time(record)} {record.levelname.lower()} {body}"


class Json(_Format):
    """An object a line: time, level, process, logger, message, then the fields."""

    def line(self, record: logging.LogRecord, message: str, fields: dict[str, Any]) -> str:
        """JSON as RFC 8259 has it, ASCII only."""
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "process": self.process,
            "logger": record.name,
            "message": message,
        }
        return json.dumps(told | {name: value for name, value in fields.items() if name not in told})


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {
        _plain(name): value if isinstance(value, int | float) and isfinite(value) else _plain(str(value))
        for name, value in vars(record).items()
        if name not in _KNOWN and not name.startswith("_") and value is not None
    }
    if record.exc_info and record.exc_info[0] is not None:
        found["error"] = _plain(f"{record.exc_info[0].__name__}: {record.exc_info[1]}")
        found["trace"] = _trace(record)
    return found


def _trace(record: logging.LogRecord) -> str:
    """Where it was raised, innermost first: files of the code and lines, no values."""
    assert record.exc_info is not None  # noqa: S101
    places, here = [], record.exc_info[2]
    while here is not None:
        code = here.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{here.tb_lineno} {code.co_name}")  # noqa: PTH119
        here = here.tb_next
    return " < ".join(reversed(places[-12:]))


def _plain(text: str) -> str:
    """Text on one line, without control characters and without what looks like a secret."""
    masked = _SECRET.sub("…", text[:MOST_CHARACTERS])
    return "".join(c if c.isprintable() else " " if c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in masked)


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\\') else text
