"""What some rates of traffic need, as tables: for a terminal, for docs/scale.md, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from oddflow.bench.simulation.costs import Costs
from oddflow.bench.simulation.demand import Demand
from oddflow.bench.simulation.road import Stage, packet_s, scored_s, stored_s
from oddflow.bench.simulation.sizing import BROKER_CORES, Kept, Needs, Prices, Wanted, first_guess

Row = list[str]
MIXTURES = ((100, 1.5), (334, 12), (800, 40), (800, 200), (1_200, 500))
"""Bytes of a packet, and packets of a flow: a scan, what `bench ingest` mixes, and ever larger transfers."""

Part = tuple[Row, list[Row]]
"""A table: its head, and its rows."""


def rate_of(bits_per_s: float) -> str:
    """A rate in words.

    >>> rate_of(10e9), rate_of(1e12)
    ('10 Gbit/s', '1 Tbit/s')
    """
    return f"{bits_per_s / 1e12:g} Tbit/s" if bits_per_s >= 1e12 else f"{bits_per_s / 1e9:g} Gbit/s"


def amount(value: float, unit: str = "") -> str:
    """A number with three digits and a prefix.

    >>> amount(1_516_990), amount(2.5e12, "B"), amount(37)
    ('1.52 M', '2.5 TB', '37')
    """
    for size, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g}{f' {unit}' if unit else ''}"


def table(head: Row, rows: Sequence[Row]) -> str:
    """In Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def needed(found: Sequence[Needs]) -> Part:
    """How much of everything: a column for each rate."""
    head = ["", *(rate_of(one.demand.bits_per_s) for one in found)]
    rows = {
        "packets a second": [amount(one.demand.packets_per_s) for one in found],
        "flows a second": [amount(one.demand.flows_per_s) for one in found],
        "cores that capture and meter": [f"{one.system.sensors:,}" for one in found],
        "partitions of the stream": [f"{one.system.partitions:,}" for one in found],
        f"brokers, of {BROKER_CORES} cores": [f"{one.system.brokers:,}" for one in found],
        "cores that score": [f"{one.system.replicas:,}" for one in found],
        "cores that store": [f"{one.system.store:,}" for one in found],
        "all cores": [f"{one.cores:,}" for one in found],
        "flows stored in a day": [amount(one.day_bytes, "B") for one in found],
        "held by the stream, with copies": [amount(one.stream_bytes, "B") for one in found],
        "a month, in dollars": [amount(one.month_dollars) for one in found],
    }
    return head, [[name, *values] for name, values in rows.items()]


def watched(found: Sequence[Needs]) -> Part:
    """How it runs, and what gives way first: a row for each rate."""
    head = ["", *(f"busiest of the {stage}" for stage in Stage), "waits, half", "99 of 100", "gives way first", "then"]
    rows = []
    for one in found:
        busy = [f"{one.passed.busy[stage]:.0%}" for stage in Stage]
        rows.append(
            [rate_of(one.demand.bits_per_s), *busy, _seconds(one.passed.delay_s[0]), _seconds(one.passed.delay_s[1]),
             f"{one.fails}, at {one.fails_at:.2f} ×", one.why]
        )  # fmt: skip
    return head, rows


def spent(demand: Demand, costs: Costs) -> Part:
    """What one core does of each step, all others busy, too."""
    rows = [
        ("capture and meter", "packet", packet_s(costs, demand)),
        ("score", "flow", scored_s(costs)),
        ("store", "flow", stored_s(costs)),
    ]
    head = ["a core's work", "each", "µs", "a second", "of the traffic"]
    told = []
    for name, each, seconds in rows:
        flows = 1 / seconds / (demand.packets_per_flow if each == "packet" else 1)
        bits = demand.bits_per_s / demand.flows_per_s * flows
        told.append([name, each, f"{seconds * 1e6:.2f}", amount(1 / seconds), rate_of(float(f"{bits:.2g}"))])
    return head, told


def mixtures(demand: Demand, costs: Costs, wanted: Wanted) -> Part:
    """What the same rate needs of other packets and flows, by averages: where most of the work is."""
    rows = []
    for packet_bytes, packets_per_flow in MIXTURES:
        other = replace(demand, packet_bytes=packet_bytes, packets_per_flow=packets_per_flow)
        system = first_guess(other, costs, wanted)
        cores = {"metering": system.sensors, "scoring": system.replicas, "storing": system.store}
        rates = [amount(other.packets_per_s), amount(other.flows_per_s)]
        counts = [f"{count:,}" for count in cores.values()]
        words = f"{packet_bytes:g} bytes, {packets_per_flow:g} packets a flow"
        rows.append([words, *rates, *counts, max(cores, key=lambda one: cores[one])])
    head = [f"{rate_of(demand.bits_per_s)} of", "packets a second", "flows a second"]
    return [*head, "cores that meter", "that score", "that store", "most is"], rows


def assumed(demand: Demand, wanted: Wanted, prices: Prices, kept: Kept) -> Part:
    """What is assumed, with the option that changes it."""
    rows = [
        ("bytes of a packet", f"{demand.packet_bytes:g}", "--packet-bytes"),
        ("packets of a flow, both ways", f"{demand.packets_per_flow:g}", "--packets-per-flow"),
        ("average of a day over the busy hour", f"{demand.day_share:.0%}", "--day-share"),
        ("packets of the busiest pair of hosts", f"{demand.busiest_pair:.2%}", "--busiest-pair"),
        ("flows of the busiest host", f"{demand.busiest_host:.2%}", "--busiest-host"),
        ("a core is at work at most", f"{wanted.busy:.0%}", "--busy"),
        ("flows are kept", f"{kept.days:g} days", "--keep-days"),
        ("the stream keeps them", f"{kept.stream_hours:g} hours, three times", "--stream-hours"),
        ("a core for an hour", f"{prices.core_hour:g} dollars", "--core-hour"),
        ("a gigabyte of disk for a month", f"{prices.disk_month:g} dollars", "--disk-month"),
        ("a gigabyte of the object store for a month", f"{prices.store_month:g} dollars", "--store-month"),
    ]
    return ["assumed", "", "option"], [list(row) for row in rows]


def measured(costs: Costs) -> Part:
    """The figures that all of it is driven by."""
    rows = []
    for name, value in costs.figures().items():
        number = f"{value * 1e9:,.4g} ns" if name.endswith("_s") else f"{value:,.4g}"
        rows.append([f"`{name}`", number, costs.taken_on.get(name, "")])
    return ["measured", "", "on"], rows


def as_dict(found: Sequence[Needs], costs: Costs) -> dict[str, Any]:
    """For JSON."""
    return {
        "bench": "plan",
        "costs": costs.figures(),
        "measured_on": costs.machine,
        "needs": [asdict(one) | {"cores": one.cores} for one in found],
    }


def _seconds(value: float) -> str:
    return f"{value * 1e3:,.0f} ms" if value < 1 else f"{value:,.1f} s"
