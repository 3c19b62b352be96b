"""Names of Zeek's logs: which lie beside a conn.log, and in what order rotated ones were written."""

import re
from pathlib import Path

PACKED = (".gz", ".zst")
_NAME = re.compile(r"^(?P<kind>[a-z0-9]+)(?P<when>[._-][0-9T:._-]*[0-9])?\.log(?:\.labell?ed)?(?P<packed>\.gz|\.zst)?$")


def kind_of(name: str) -> str | None:
    """The log that a file name names.

    >>> kind_of("conn.2024-01-01-00-00-00-01-00-00.log.gz"), kind_of("dns.00:00:00-01:00:00.log"), kind_of("a.txt")
    ('conn', 'dns', None)
    """
    found = _NAME.match(name)
    return found["kind"] if found else None


def when_of(name: str) -> str:
    """When a rotated log was written, as its name says, to be sorted by; one that is still written comes last.

    >>> sorted(["conn.log", "conn.2024-01-02-00-00-00.log.gz", "conn.2024-01-01-00-00-00.log"], key=when_of)[0]
    'conn.2024-01-01-00-00-00.log'
    """
    found = _NAME.match(name)
    return (found["when"] or "~") if found else "~"


def beside(path: Path, kind: str) -> list[Path]:
    """The log of another kind that was written at the same time as a conn.log, and before it the one just before.

    A connection that crossed a rotation has its other records in the log before.
    """
    when = when_of(path.name)
    try:
        others = [other for other in path.parent.iterdir() if kind_of(other.name) == kind and other.is_file()]
    except OSError:
        return []
    others.sort(key=lambda other: (when_of(other.name), len(other.name)))
    now = [other for other in others if when_of(other.name) == when][:1]
    before = [other for other in others if when_of(other.name) < when][-1:]
    return (before if now else []) + now
