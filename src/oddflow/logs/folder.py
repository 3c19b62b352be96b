"""The logs in a folder, in the order in which they were written."""

import re
from pathlib import Path

from oddflow.amounts import count
from oddflow.capture.capture_set import NAMED, CaptureSet, is_folder
from oddflow.capture.reader import is_capture
from oddflow.capture.remote import is_remote_folder, local_path, shown
from oddflow.capture.stream import plain_bytes
from oddflow.errors import InputError, Unreadable, UsageError
from oddflow.logs.formats import format_of
from oddflow.logs.parts import tables_in
from oddflow.logs.zeek import is_conn_log, is_zeek
from oddflow.logs.zeek_beside import OTHERS
from oddflow.logs.zeek_names import kind_of, when_of
from oddflow.losses import Ledger

_DATED = re.compile(r"^\d{4}-\d{2}-\d{2}$")
"""Folders in which Zeek's `zeekctl` keeps the logs of a day; those that are written now are in `current`."""

CURRENT = "current"
GROWING = (".log", ".json")
"""How the name ends of a log that is being written: Zeek's conn.log, Suricata's eve.json."""


def sources_in(folder: str, ledger: Ledger) -> list[str | CaptureSet]:
    """What a folder holds: its captures as one, or its logs one after the other; or flows that a service stored.

    Rotated logs of Zeek come in the order of time, those in folders of a day and in `current` among them; what is
    read along with a conn.log (dns.log, say) is none of them. Of what lies under a URL, captures alone are read.

    Raises:
        Unreadable: It cannot be listed, or holds neither captures nor logs of flows.
        UsageError: It holds both.
    """
    if is_remote_folder(folder):
        return [CaptureSet.of_folder(folder, ledger)]
    tables = tables_in(Path(local_path(folder)))
    if tables:
        return list(tables)
    logs = logs_in(folder)
    if not logs:
        return [CaptureSet.of_folder(folder, ledger)]
    captures = [path for path in _files(Path(local_path(folder))) if is_capture(_first_bytes(path))]
    if captures:
        raise UsageError(
            f"{shown(folder)} holds both captures ({captures[0].name}: {count(len(captures), 'file')}) and logs "
            f"({logs[0].name}: {count(len(logs), 'file')}); the same traffic would count twice: name the files you mean"
        )
    _tell_others(folder, logs, ledger)
    return [str(path) for path in logs]


def _tell_others(folder: str, logs: list[Path], ledger: Ledger) -> None:
    """Names what lies in the folder and is not read, with a log or as one."""
    others = [
        path.name
        for path in _files(Path(local_path(folder)))
        if path not in logs and kind_of(path.name) not in {other.kind for other in OTHERS}
    ]
    if others:
        more = f" and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
        ledger.noted(f"{shown(folder)}: no logs of flows, passed over: {', '.join(others[:NAMED])}{more}")


def logs_in(folder: str) -> list[Path]:
    """The logs of flows in a folder, recognised by their content.

    Raises:
        Unreadable: It cannot be listed.
    """
    root = Path(local_path(folder))
    try:
        days = sorted(path for path in root.iterdir() if path.is_dir() and _DATED.match(path.name))
        current = [path for path in (root / CURRENT,) if path.is_dir()]
        places = [*days, root, *current]
        return [path for place in places for path in _files(place) if _is_log(path)]
    except OSError as error:
        raise Unreadable(f"{shown(folder)} cannot be listed: {error.strerror}; check its permissions") from None


def log_to_follow(folder: str) -> str | None:
    """The log of a folder that is written now: the only one without a time in its name; None where there is none.

    Raises:
        UsageError: There are several.
    """
    if not is_folder(folder):
        return None
    written = [path for path in logs_in(folder) if when_of(path.name) == when_of("conn.log") and path.suffix in GROWING]
    if len(written) > 1:
        raise UsageError(
            f"{shown(folder)} holds several logs that may grow ({written[0].name}, {written[1].name}); name one"
        )
    return str(written[0]) if written else None


def _files(place: Path) -> list[Path]:
    paths = [path for path in place.iterdir() if not path.name.startswith(".") and path.is_file()]
    return sorted(paths, key=lambda path: (when_of(path.name), path.name))


def _is_log(path: Path) -> bool:
    first = _first_bytes(path)
    if is_capture(first):
        return False
    return is_conn_log(first) if is_zeek(first) else format_of(first) is not None


def _first_bytes(path: Path) -> bytes:
    try:
        with plain_bytes(str(path), Ledger()) as (first, _):
            return first
    except (InputError, OSError):
        return b""
