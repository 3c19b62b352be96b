"""The state of a service that ran for a month, as large as wanted, made of what the examples bring.

Flows are those of the example captures in sixteen offices, spread evenly over the hours, with other hosts outside;
alerts and incidents are the examples' own with other hosts and times, from one alert an incident to thousands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from oddflow.files import examples_folder
from oddflow.logs.parts import part_name
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

if TYPE_CHECKING:
    from oddflow.server.flowstore.flow_store import FlowStore
    from oddflow.server.store.store import Store
    from oddflow.verdicts.alert import Alert
    from oddflow.verdicts.incidents.incident import Incident

OFFICES, OUTSIDE = 16, 65_536
AT_WORK, LEAST_AT_WORK = 8, 100
"""So many of the offices are at work in an hour, where each has so many flows."""
HOUR_S = 3_600
HOUR_NS = HOUR_S * 10**9
LARGEST = 5_000
"""Alerts of the largest incident, or a quarter of all alerts where these are few."""
AT_ONCE = 500
SOURCE, SENSOR = "lan", "bench"
OFFICE = "10.20."
_FLOWS, _ALERTS, _BYTES = 230.0, 0.02, 4e6


@dataclass(frozen=True, slots=True)
class Month:
    """How much there is.

    Attributes:
        flows: Stored flow records.
        alerts: Stored alerts.
        hours: Over which they are spread; the last ends at `end_hour`.
        end_hour: Hours since 1970.
        seed: Of all that is drawn.
    """

    flows: int
    alerts: int
    hours: int
    end_hour: int
    seed: int = 8

    def write_flows(self, folder: Path) -> None:
        """Writes the flows as the service has them: one part an hour."""
        from oddflow.server.flowstore.columns import STORED_SCHEMA, stored  # noqa: PLC0415  (an extra)
        from oddflow.server.flowstore.layout import hour_folder  # noqa: PLC0415
        from oddflow.server.flowstore.writing import write_part  # noqa: PLC0415

        office, draw = flows_of_office(), np.random.default_rng(self.seed)
        ends = np.linspace(0, self.flows, self.hours + 1).astype(int)
        for hour, rows in zip(range(self.end_hour - self.hours, self.end_hour), np.diff(ends), strict=True):
            batches = []
            for some in of_hour(office, hour, int(rows), draw):
                scores = draw.exponential(0.3, some.num_rows).astype(np.float32)
                batches.append(stored(some, SOURCE, scores, scores > 3, payload=False))
            place = hour_folder(folder, SOURCE, hour)
            place.mkdir(parents=True, exist_ok=True)
            whole = pa.Table.from_batches(batches, STORED_SCHEMA).sort_by("end")
            write_part(place / part_name(hour * HOUR_S * 1_000), whole)

    def sum_up(self, flows: "FlowStore") -> None:
        """Does the chores of the service's keeper until nothing is left of them."""
        while flows.compact(self.end_hour * HOUR_S) or flows.rollup(self.end_hour * HOUR_S):
            pass

    def put_alerts(self, store: "Store", known: "Sequence[tuple[Incident, Sequence[Alert]]]") -> int:
        """Puts alerts and their incidents in; how many incidents there are.

        Args:
            store: Takes them.
            known: Real incidents, each with its alerts: what is put in is made of them.
        """
        draw = np.random.default_rng(self.seed)
        sizes = incident_sizes(self.alerts, draw)
        waiting: list[tuple[Alert, Incident]] = []
        alerts: list[Alert] = []
        for number, size in enumerate(sizes):
            incident, alike = known[number % len(known)]
            begun = (self.end_hour - 1) * HOUR_NS - int(draw.integers(self.hours * HOUR_NS))
            made = [_another(alike, n, incident, number, begun) for n in range(size)]
            alerts += made
            waiting.append((made[0], _incident_of(incident, number, made)))
            if len(alerts) >= AT_ONCE or number == len(sizes) - 1:
                for first in range(0, len(alerts), AT_ONCE):
                    last = first + AT_ONCE >= len(alerts)
                    told = [one for _, one in waiting] if last else []
                    store.alerts.put(SENSOR, SOURCE, alerts[first : first + AT_ONCE], told)
                alerts, waiting = [], []
        return len(sizes)

    def put_measures(self, store: "Store") -> None:
        """A row a minute of all hours."""
        draw = np.random.default_rng(self.seed)
        last = self.end_hour * 60
        minutes = range(last - self.hours * 60, last)
        for first in range(0, len(minutes), AT_ONCE):
            with store.transaction():
                for minute in minutes[first : first + AT_ONCE]:
                    flows = float(draw.poisson(_FLOWS))
                    values = {
                        "packets": 20 * flows, "bytes": _BYTES, "flows": flows, "judged": flows,
                        "alerts": float(draw.poisson(_ALERTS)), "incidents": 0.0, "lost": 0.0, "shed": 0.0,
                        "open_flows": 900.0, "queued_flows": 3.0, "waiting_alerts": 0.0, "latency_p50_s": 0.02,
                        "latency_p99_s": 0.2, "drift": 0.1,
                    }  # fmt: skip
                    store.measures.add(SENSOR, SOURCE, minute * 60, values)


def flows_of_office() -> pa.RecordBatch:
    """The flows of both example captures, about 20 minutes of an office."""
    batches = [
        batch
        for name in ("office-baseline.pcap.zst", "office-incident.pcap.zst")
        for batch in read_flows(str(examples_folder() / name), Ledger())
    ]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def incident_sizes(alerts: int, draw: np.random.Generator) -> list[int]:
    """How many alerts each incident has: as many incidents of ten times the size as of one.

    >>> sizes = incident_sizes(20_000, np.random.default_rng(1))
    >>> sum(sizes), max(sizes), min(sizes)
    (20000, 5000, 1)
    """
    sizes = [min(LARGEST, max(1, alerts // 4))]
    most = np.log(sizes[0])
    while (left := alerts - sum(sizes)) > 0:
        sizes.append(min(left, max(1, int(np.exp(draw.uniform(0, most) * draw.uniform(0.3, 1))))))
    return sizes


def incident_id(number: int) -> str:
    """Of an incident that was put in; the first is the largest."""
    return f"{0xB << 40 | number:012x}"


def alert_id(number: int, n: int) -> str:
    """Of an alert of it."""
    return f"{number << 24 | n:012x}"


def of_hour(office: pa.RecordBatch, hour: int, rows: int, draw: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """So many flows of an office, in sixteen of them, that ended in an hour (since 1970)."""
    least = max(LEAST_AT_WORK, -(-rows // AT_WORK))
    while rows > 0:
        take = min(rows, office.num_rows, least)
        rows -= take
        some = office.take(pa.array(np.sort(draw.choice(office.num_rows, take, replace=False))))
        start, end = (some.column(name).cast(pa.int64()).to_numpy() for name in ("start", "end"))
        ended = np.sort(draw.integers(hour * HOUR_NS, (hour + 1) * HOUR_NS, take))
        where = int(draw.integers(OFFICES))
        kind = some.schema.field("end").type
        for name, values in (
            ("start", pa.array(ended - (end - start)).cast(kind)),
            ("end", pa.array(ended).cast(kind)),
            ("src_ip", _elsewhere(some.column("src_ip"), where, draw)),
            ("dst_ip", _elsewhere(some.column("dst_ip"), where, draw)),
        ):
            place = some.schema.get_field_index(name)
            some = some.set_column(place, some.schema.field(place), values)
        yield some


def _elsewhere(addresses: pa.Array, office: int, draw: np.random.Generator) -> pa.Array:
    """The same flows in another office, with other hosts outside."""
    coded = addresses.dictionary_encode()
    moved = []
    for address in coded.dictionary.to_pylist():
        if address.startswith(OFFICE):
            moved.append(_moved(address, office))
        elif ":" in address:
            moved.append(address.replace("fd00:20:", f"fd00:{office + 1:x}:"))
        else:
            number = int(draw.integers(OUTSIDE))
            moved.append(f"198.{18 + (number >> 8) % 2}.{number >> 8}.{number & 255}")
    return pa.array(moved).take(coded.indices)


def _moved(text: str, office: int) -> str:
    return text.replace(OFFICE, f"10.{office}.")


def _another(alike: "Sequence[Alert]", n: int, incident: "Incident", number: int, begun_ns: int) -> "Alert":
    """One more alert like those of an incident, in another office and at another time."""
    one, office = alike[n % len(alike)], number % OFFICES
    start_ns = begun_ns + max(0, one.start_ns - incident.first_ns) % (2 * HOUR_NS) + n * 1_000_003
    return replace(
        one,
        id=alert_id(number, n),
        start_ns=start_ns,
        end_ns=start_ns + one.end_ns - one.start_ns,
        src_ip=_moved(one.src_ip, office),
        dst_ip=_moved(one.dst_ip, office),
        incident=incident_id(number),
    )


def _incident_of(incident: "Incident", number: int, alerts: "Sequence[Alert]") -> "Incident":
    """An incident like another, of these alerts."""
    from oddflow.verdicts.incidents.record import ToldIncident, incident_json  # noqa: PLC0415

    first_ns, last_ns = min(one.start_ns for one in alerts), max(one.end_ns for one in alerts)
    top = sorted(alerts, key=lambda one: -one.score)[: max(1, len(incident.top))]
    moved = ToldIncident(_moved(incident_json(incident), number % OFFICES)).incident(top)
    return replace(
        moved,
        id=incident_id(number),
        first_ns=first_ns,
        last_ns=last_ns,
        alerts=len(alerts),
        alert_ids=tuple(one.id for one in alerts[: max(1, len(incident.alert_ids))]),
        top=tuple(top),
        score=top[0].score,
        points=(incident.points + 7 * number) % 101,
    )
