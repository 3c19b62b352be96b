"""The 76 statistics of CICFlowMeter under their meaning, from the columns of the flow table.

The table holds counts, sums, sums of squares, minima and maxima, which merge exactly; means, deviations and rates
follow from them here. Lengths are those of the transport payload, as in CICFlowMeter. Its faults are not repeated
(Engelen, Rimmer, Joosen, "Troubleshooting an Intrusion Detection Dataset: the CICIDS2017 Case Study", 2021): a
connection ends after FIN both ways or RST, not at the first FIN; each packet is counted once; flags are counted over
all packets; where the duration is 0 a rate is null, not infinite.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WAYS = (("forward", "Fwd"), ("reverse", "Bwd"))


class _Numbers:
    """Columns of a flow batch as float64, (n,), null as NaN; `both` adds the directions'."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __getitem__(self, name: str) -> Floats:
        column = self._batch.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def both(self, name: str) -> Floats:
        """A sum over both directions."""
        return self[f"forward_{name}"] + self[f"reverse_{name}"]

    @property
    def duration_us(self) -> Floats:
        """From the first packet to the last."""
        ends, starts = (self._batch.column(name).cast(pa.int64()).to_numpy() for name in ("end", "start"))
        return (ends - starts) / 1_000  # type: ignore[no-any-return]


def _ratio(above: Floats, below: Floats) -> Floats:
    """A quotient; NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _variance(count: Floats, total: Floats, squares: Floats) -> Floats:
    """Of a sample (n - 1); 0 of a single value, NaN of none."""
    spread = np.maximum(0, squares - _ratio(total * total, count))
    return np.where(count == 1, 0.0, _ratio(spread, np.where(count > 1, count - 1, 0)))


def _only(values: Floats, count: Floats) -> Floats:
    return np.where(count > 0, values, np.nan)


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic.

    Attributes:
        name: Its column.
        cic_name: What CICFlowMeter calls it.
        unit: Its unit.
        formula: How it follows from the flow table's columns, for people.
        of: The same for n flows: (n,) float64, NaN where it has no value.
    """

    name: str
    cic_name: str
    unit: str
    formula: str
    of: Callable[[_Numbers], Floats]


def _column(name: str, cic_name: str, unit: str, source: str) -> Statistic:
    return Statistic(name, cic_name, unit, source, lambda n: n[source])


def _lengths(way: str, short: str) -> Iterator[Statistic]:
    count, total = f"{way}_packets", f"{way}_payload_bytes"
    squares = f"{way}_payload_length_squares"
    for end in ("max", "min"):
        source = f"{way}_payload_length_{end}"
        yield Statistic(
            f"{way}_length_{end}_bytes", f"{short} Pkt Len {end.title()}", "bytes", f"{source}, null without packets",
            partial(lambda n, source: _only(n[source], n[count]), source=source),
        )  # fmt: skip
    yield Statistic(
        f"{way}_length_mean_bytes", f"{short} Pkt Len Mean", "bytes", f"{total} / {count}",
        lambda n: _ratio(n[total], n[count]),
    )  # fmt: skip
    yield Statistic(
        f"{way}_length_std_bytes", f"{short} Pkt Len Std", "bytes",
        f"√(({squares} - {total}² / {count}) / ({count} - 1)), 0 of one packet",
        lambda n: np.sqrt(_variance(n[count], n[total], n[squares])),
    )  # fmt: skip


def _gaps(
    prefix: str, name: str, cic_name: str, count: Callable[[_Numbers], Floats], counted: str
) -> Iterator[Statistic]:
    total, squares = f"{prefix}gap_sum_us", f"{prefix}gap_squares_us2"
    gaps = f"({counted} - 1)"
    if prefix:
        yield Statistic(
            f"{name}_gap_total_us", f"{cic_name} Tot", "µs", f"{total}, null of less than two packets",
            lambda n: _only(n[total], count(n) - 1),
        )  # fmt: skip
    yield Statistic(
        f"{name}_gap_mean_us", f"{cic_name} Mean", "µs", f"{total} / {gaps}",
        lambda n: _ratio(n[total], count(n) - 1),
    )  # fmt: skip
    yield Statistic(
        f"{name}_gap_std_us", f"{cic_name} Std", "µs",
        f"√(({squares} - {total}² / {gaps}) / ({gaps} - 1)), 0 of one gap",
        lambda n: np.sqrt(_variance(np.maximum(0, count(n) - 1), n[total], n[squares])),
    )  # fmt: skip
    for end, word in (("max", "longest"), ("min", "shortest")):
        source = f"{prefix}gap_{end}_us"
        yield Statistic(
            f"{name}_gap_{word}_us", f"{cic_name} {end.title()}", "µs",
            f"{source}, null of less than two packets",
            partial(lambda n, source: _only(n[source], count(n) - 1), source=source),
        )  # fmt: skip


def _periods(name: str) -> Iterator[Statistic]:
    count, total, squares = f"{name}_count", f"{name}_sum_us", f"{name}_squares_us2"
    title = name.title()
    yield Statistic(
        f"{name}_mean_us", f"{title} Mean", "µs", f"{total} / {count}", lambda n: _ratio(n[total], n[count])
    )
    yield Statistic(
        f"{name}_std_us", f"{title} Std", "µs", f"√(({squares} - {total}² / {count}) / ({count} - 1)), 0 of one",
        lambda n: np.sqrt(_variance(n[count], n[total], n[squares])),
    )  # fmt: skip
    for end, word in (("max", "longest"), ("min", "shortest")):
        source = f"{name}_{end}_us"
        yield Statistic(
            f"{name}_{word}_us", f"{title} {end.title()}", "µs", f"{source}, null without one",
            partial(lambda n, source: _only(n[source], n[count]), source=source),
        )  # fmt: skip


def _bulks(way: str, short: str) -> Iterator[Statistic]:
    runs = f"{way}_bulks"
    for name, cic_name, unit, source in (
        ("bytes", "Byts/b Avg", "bytes", f"{way}_bulk_bytes"),
        ("packets", "Pkts/b Avg", "packets", f"{way}_bulk_packets"),
    ):
        yield Statistic(
            f"{way}_{name}_a_bulk", f"{short} {cic_name}", unit, f"{source} / {runs}",
            partial(lambda n, source: _ratio(n[source], n[runs]), source=source),
        )  # fmt: skip
    yield Statistic(
        f"{way}_bulk_rate_bytes_per_s", f"{short} Blk Rate Avg", "bytes/s",
        f"{way}_bulk_bytes / {way}_bulk_duration_us · 10⁶",
        lambda n: 1e6 * _ratio(n[f"{way}_bulk_bytes"], n[f"{way}_bulk_duration_us"]),
    )  # fmt: skip


def _subflows(way: str, short: str) -> Iterator[Statistic]:
    for cic_name, source in (("Pkts", "packets"), ("Byts", "payload_bytes")):
        unit = "packets" if source == "packets" else "bytes"
        yield Statistic(
            f"{way}_{source}_a_subflow", f"Subflow {short} {cic_name}", unit, f"{way}_{source} / subflows",
            partial(lambda n, source: _ratio(n[source], n["subflows"]), source=f"{way}_{source}"),
        )  # fmt: skip


def _window(n: _Numbers, way: str) -> Floats:
    return _only(n[f"{way}_window_first"], n[f"{way}_packets"] * (n["protocol"] == 6))


def _counts() -> Iterator[Statistic]:
    yield Statistic("duration_us", "Flow Duration", "µs", "end - start", lambda n: n.duration_us)
    for way, short in WAYS:
        yield _column(f"{way}_packet_count", f"Tot {short} Pkts", "packets", f"{way}_packets")
    for way, short in WAYS:
        yield _column(f"{way}_length_total_bytes", f"TotLen {short} Pkts", "bytes", f"{way}_payload_bytes")
    for way, short in WAYS:
        yield from _lengths(way, short)


def _times() -> Iterator[Statistic]:
    packets = "(forward_packets + reverse_packets)"
    yield Statistic(
        "payload_bytes_per_s", "Flow Byts/s", "bytes/s",
        "(forward_payload_bytes + reverse_payload_bytes) / duration_us · 10⁶",
        lambda n: 1e6 * _ratio(n.both("payload_bytes"), n.duration_us),
    )  # fmt: skip
    yield Statistic(
        "packets_per_s", "Flow Pkts/s", "packets/s", f"{packets} / duration_us · 10⁶",
        lambda n: 1e6 * _ratio(n.both("packets"), n.duration_us),
    )  # fmt: skip
    yield from _gaps("", "flow", "Flow IAT", lambda n: n.both("packets"), packets)
    for way, short in WAYS:
        name = f"{way}_packets"
        yield from _gaps(f"{way}_", way, f"{short} IAT", partial(lambda n, name: n[name], name=name), name)


def _headers() -> Iterator[Statistic]:
    for flag in ("psh", "urg"):
        for way, short in WAYS:
            yield _column(f"{way}_{flag}_count", f"{short} {flag.upper()} Flags", "packets", f"{way}_{flag}")
    for way, short in WAYS:
        yield _column(f"{way}_header_total_bytes", f"{short} Header Len", "bytes", f"{way}_header_bytes")
    for way, short in WAYS:
        yield Statistic(
            f"{way}_packets_per_s", f"{short} Pkts/s", "packets/s", f"{way}_packets / duration_us · 10⁶",
            partial(lambda n, name: 1e6 * _ratio(n[name], n.duration_us), name=f"{way}_packets"),
        )  # fmt: skip


def _both_ways() -> Iterator[Statistic]:
    yield Statistic(
        "length_min_bytes", "Pkt Len Min", "bytes", "least payload length of the directions that have packets",
        lambda n: np.fmin(*(_only(n[f"{w}_payload_length_min"], n[f"{w}_packets"]) for w, _ in WAYS)),
    )  # fmt: skip
    yield Statistic(
        "length_max_bytes", "Pkt Len Max", "bytes", "greatest payload length",
        lambda n: np.maximum(n["forward_payload_length_max"], n["reverse_payload_length_max"]),
    )  # fmt: skip
    mean = "(forward_payload_bytes + reverse_payload_bytes) / (forward_packets + reverse_packets)"

    def variance(n: _Numbers) -> Floats:
        return _variance(n.both("packets"), n.both("payload_bytes"), n.both("payload_length_squares"))

    yield Statistic(
        "length_mean_bytes", "Pkt Len Mean", "bytes", mean, lambda n: _ratio(n.both("payload_bytes"), n.both("packets"))
    )
    yield Statistic("length_std_bytes", "Pkt Len Std", "bytes", "√ of the variance", lambda n: np.sqrt(variance(n)))
    yield Statistic("length_variance_bytes2", "Pkt Len Var", "bytes²", "of all packets, by n - 1", variance)
    for flag, cic_name in (
        ("fin", "FIN"), ("syn", "SYN"), ("rst", "RST"), ("psh", "PSH"), ("ack", "ACK"), ("urg", "URG"),
        ("cwr", "CWE"), ("ece", "ECE"),
    ):  # fmt: skip
        yield Statistic(
            f"{flag}_count", f"{cic_name} Flag Cnt", "packets", f"forward_{flag} + reverse_{flag}",
            partial(lambda n, flag: n.both(flag), flag=flag),
        )  # fmt: skip
    yield Statistic(
        "reverse_packets_a_forward", "Down/Up Ratio", "", "reverse_packets / forward_packets",
        lambda n: _ratio(n["reverse_packets"], n["forward_packets"]),
    )  # fmt: skip
    yield Statistic(
        "packet_size_mean_bytes", "Pkt Size Avg", "bytes", f"{mean}: as Pkt Len Mean, once no packet is counted twice",
        lambda n: _ratio(n.both("payload_bytes"), n.both("packets")),
    )  # fmt: skip


def _parts() -> Iterator[Statistic]:
    for way, short in WAYS:
        yield Statistic(
            f"{way}_segment_mean_bytes", f"{short} Seg Size Avg", "bytes", f"{way}_payload_bytes / {way}_packets",
            partial(lambda n, way: _ratio(n[f"{way}_payload_bytes"], n[f"{way}_packets"]), way=way),
        )  # fmt: skip
    for way, short in WAYS:
        yield from _bulks(way, short)
    for way, short in WAYS:
        yield from _subflows(way, short)
    for way, short in WAYS:
        yield Statistic(
            f"{way}_window_initial_bytes", f"Init {short} Win Byts", "bytes",
            f"{way}_window_first, null where the direction has no packet or is not TCP", partial(_window, way=way),
        )  # fmt: skip
    yield _column("forward_data_packets", "Fwd Act Data Pkts", "packets", "forward_payload_packets")
    yield _column("forward_header_least_bytes", "Fwd Seg Size Min", "bytes", "forward_header_min_bytes")
    yield from _periods("active")
    yield from _periods("idle")


STATISTICS: tuple[Statistic, ...] = (*_counts(), *_times(), *_headers(), *_both_ways(), *_parts())


STATISTICS_SCHEMA = pa.schema([pa.field(statistic.name, pa.float64()) for statistic in STATISTICS])


def statistics(batch: pa.RecordBatch) -> pa.RecordBatch:
    """All statistics of n flows: float64 columns in the order of STATISTICS, null where one has no value."""
    numbers = _Numbers(batch)
    with np.errstate(invalid="ignore"):
        columns = [pa.array(statistic.of(numbers), pa.float64(), from_pandas=True) for statistic in STATISTICS]
    return pa.record_batch(columns, schema=STATISTICS_SCHEMA)
