"""Ground truth: which flows are attacks, from a CSV of times, addresses and ports."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from oddflow.errors import InputError, Unreadable
from oddflow.features.columns import integers
from oddflow.files import reason_of
from oddflow.schema import PROTOCOL_NAMES

COLUMNS = ("start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "what")
ANY = "*"
SLACK_NS = 1_000_000_000
"""A flow counts as an attack's if it starts within its span, give or take a second."""

NUMBERS = {name: number for number, name in PROTOCOL_NAMES.items()}
Key = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class _Span:
    start_ns: int
    end_ns: int
    what: str


@dataclass(slots=True)
class GroundTruth:
    """Names the attack that a flow belongs to; exact ports are matched before wildcards."""

    spans: dict[Key, list[_Span]] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, path: str) -> "GroundTruth":
        """Reads start, end, src_ip, src_port, dst_ip, dst_port, protocol, what (`*` for any port).

        Raises:
            Unreadable: The file cannot be read.
            InputError: A row is wrong; which, and how.
        """
        truth = cls()
        try:
            with Path(path).open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
                if missing:
                    raise InputError(
                        f"the ground truth {path} lacks {', '.join(missing)} in its first line; "
                        f"expected the columns {', '.join(COLUMNS)}"
                    )
                for row in rows:
                    truth._add(row, f"{path}, line {rows.line_num}")
        except UnicodeDecodeError:
            raise InputError(
                f"the ground truth {path} is no text; expected a CSV with the columns {', '.join(COLUMNS)}"
            ) from None
        except (OSError, csv.Error) as error:
            raise Unreadable(f"the ground truth {path} cannot be read: {reason_of(error)}; check the path") from None
        return truth

    def _add(self, row: dict[str, str], where: str) -> None:
        try:
            name = row["protocol"].strip().lower()
            protocol = NUMBERS[name] if name in NUMBERS else int(name)
            what = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in row["what"])
            span = _Span(_nanoseconds(row["start"]), _nanoseconds(row["end"]), what)
            ports = [
                port if (port := row[name].strip()) == ANY else str(int(port)) for name in ("src_port", "dst_port")
            ]
            hosts = [row[name].strip() for name in ("src_ip", "dst_ip")]
        except (ValueError, OverflowError) as error:
            raise InputError(f"{where}: {error}; expected ISO 8601 times, ports or *, and a protocol") from None
        except (TypeError, AttributeError):
            raise InputError(f"{where}: too few fields; expected {', '.join(COLUMNS)}") from None
        key = (hosts[0], ports[0], hosts[1], ports[1], protocol)
        self.spans.setdefault(key, []).append(span)
        self.hosts.add(hosts[0])

    def under(self, pseudonym: Callable[[str], str]) -> "GroundTruth":
        """The same truth of hosts under pseudonyms; `pseudonym` gives that of an address."""
        spans = {
            (pseudonym(src), src_port, pseudonym(dst), dst_port, protocol): found
            for (src, src_port, dst, dst_port, protocol), found in self.spans.items()
        }
        return GroundTruth(spans, {pseudonym(host) for host in self.hosts})

    def attacks(self, batch: pa.RecordBatch) -> list[str]:
        """The attack's name for each flow, "" for a benign one."""
        names = [""] * batch.num_rows
        sources = batch.column("src_ip").to_pylist()
        targets = batch.column("dst_ip").to_pylist()
        involved = [i for i in range(len(names)) if sources[i] in self.hosts or targets[i] in self.hosts]
        if not involved:
            return names
        columns = {name: integers(batch, name) for name in ("start", "src_port", "dst_port", "protocol")}
        for i in involved:
            src = (sources[i], str(columns["src_port"][i]))
            dst = (targets[i], str(columns["dst_port"][i]))
            protocol, start_ns = int(columns["protocol"][i]), int(columns["start"][i])
            names[i] = self._match(src, dst, protocol, start_ns) or self._match(dst, src, protocol, start_ns)
        return names

    def _match(self, src: tuple[str, str], dst: tuple[str, str], protocol: int, start_ns: int) -> str:
        for src_port, dst_port in ((src[1], dst[1]), (ANY, dst[1]), (src[1], ANY), (ANY, ANY)):
            for span in self.spans.get((src[0], src_port, dst[0], dst_port, protocol), ()):
                if span.start_ns - SLACK_NS <= start_ns <= span.end_ns + SLACK_NS:
                    return span.what
        return ""


def _nanoseconds(text: str) -> int:
    time = datetime.fromisoformat(text.strip())
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    # whole numbers: a datetime64 in ns wraps round silently after the year 2262
    since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
