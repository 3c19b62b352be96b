"""What a host did lately that it did not do before, in sentences with numbers."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from oddflow.amounts import count, size
from oddflow.logs.parts import HOUR_NS
from oddflow.schema import protocol_name
from oddflow.verdicts.alert import utc

if TYPE_CHECKING:
    from oddflow.server.flowstore.host_picture import Talk

LEAST_DAYS = 3
"""With fewer days before, nothing can be said to be usual."""
LEAST_BYTES = 1_000_000
"""Volumes below are never beyond the usual."""
LEAST_RATIO = 3.0
MADS = 6.0
"""An hour is beyond the usual from so many scaled median absolute deviations over the median."""
MAD_TO_SIGMA = 1.4826
"""For a normal distribution (Rousseeuw & Croux 1993, section 1)."""
MOST_NAMED = 3
MOST_SERVICES = 20
MOST_HOURS = 6


@dataclass(frozen=True, slots=True)
class HostHour:
    """A host in one hour.

    Attributes:
        number: Hours since 1970.
        peers: Hosts that it talked to.
    """

    number: int
    flows_out: int
    flows_in: int
    sent: float
    received: float
    alerts: int
    score: float | None
    peers: int
    first_ns: int
    last_ns: int

    @property
    def flows(self) -> int:
        """Of both roles."""
        return self.flows_out + self.flows_in


class ChangeKind(StrEnum):
    """What changed."""

    NEW_HOST = "new host"
    NEW_SERVICE = "new service"
    NEW_OFFER = "new offer"
    NEW_PEERS = "new peers"
    VOLUME = "volume"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Change:
    """A change.

    Attributes:
        kind: Of what.
        text: A sentence.
        at_ns: When it began.
        query: A question that finds the flows, for `search`.
    """

    kind: ChangeKind
    text: str
    at_ns: int
    query: str = ""


def changes_of(
    hours: Sequence[HostHour], talks: "Sequence[Talk]", since_hour: int, until_hour: int
) -> tuple[Change, ...]:
    """What is new since an hour, compared with all that was before.

    Args:
        hours: The host's hours, before and after.
        talks: Its talks, of whole days: those that began before count as before.
        since_hour, until_hour: Hours since 1970.
    """
    before = [hour for hour in hours if hour.number < since_hour]
    after = [hour for hour in hours if hour.number >= since_hour]
    if not hours:
        return ()
    days = len({hour.number // 24 for hour in before})
    if not before:
        text = f"first seen {utc(after[0].first_ns)[:16]}Z; there is nothing before to compare with"
        return (Change(ChangeKind.NEW_HOST, text, after[0].first_ns),)
    if days < LEAST_DAYS:
        return ()
    since_ns = since_hour * HOUR_NS
    found = [*_services(talks, since_ns, days), *_peers(talks, since_ns, days)]
    found += [*_volumes(before, after, days), *_silence(before, hours[-1], until_hour)]
    return tuple(found)


def _services(talks: "Sequence[Talk]", since_ns: int, days: int) -> list[Change]:
    groups: dict[tuple[bool, int, int], list[Talk]] = defaultdict(list)
    for talk in talks:
        groups[talk.serves, talk.protocol, talk.port].append(talk)
    found = []
    for (serves, protocol, port), some in groups.items():
        first_ns = min(talk.first_ns for talk in some)
        if first_ns < since_ns or not port:
            continue
        flows, peers = sum(talk.flows for talk in some), sorted({talk.peer for talk in some})
        name = next((talk.service for talk in some if talk.service), "")
        what = f"{name} ({protocol_name(protocol)}/{port})" if name else f"{protocol_name(protocol)}/{port}"
        did = "answered for the first time as" if serves else "used for the first time"
        text = f"{did} {what}: {count(flows, 'flow')} {'from' if serves else 'to'} {_named(peers)}"
        text += f", first {utc(first_ns)[:16]}Z; not seen on the {count(days, 'day')} before"
        kind = ChangeKind.NEW_OFFER if serves else ChangeKind.NEW_SERVICE
        end = "dst_ip" if serves else "src_ip"
        found.append(
            (flows, Change(kind, text, first_ns, f"{end} = {{host}} and protocol = {protocol} and dst_port = {port}"))
        )
    if len(found) > MOST_SERVICES:
        for serves, kind in ((False, ChangeKind.NEW_SERVICE), (True, ChangeKind.NEW_OFFER)):
            some_new = [change for _, change in found if change.kind == kind]
            if len(some_new) > MOST_SERVICES:
                first_ns = min(change.at_ns for change in some_new)
                text = f"{'answered on' if serves else 'used'} {len(some_new):,} ports that were not seen before"
                text += f", first {utc(first_ns)[:16]}Z: that is what a scan of ports looks like"
                one = Change(kind, text, first_ns, f"{'dst_ip' if serves else 'src_ip'} = {{host}}")
                found = [(flows, change) for flows, change in found if change.kind != kind] + [(len(some_new), one)]
    return [change for _, change in sorted(found, key=lambda pair: -pair[0])]


def _peers(talks: "Sequence[Talk]", since_ns: int, days: int) -> list[Change]:
    first: dict[str, int] = {}
    for talk in talks:
        first[talk.peer] = min(first.get(talk.peer, talk.first_ns), talk.first_ns)
    new = [peer for peer, at in first.items() if at >= since_ns]
    by_day: dict[int, int] = defaultdict(int)
    for at in first.values():
        if at < since_ns:
            by_day[at // (24 * HOUR_NS)] += 1
    met = sorted(by_day.values())[:-1] + [0] * max(0, days - len(by_day))  # on its first day all are new
    usual, most = statistics.median(met) if met else 0, max(met, default=0)
    if len(new) <= max(most, 2 * usual):
        return []
    new.sort(key=lambda peer: first[peer])
    text = (
        f"met {count(len(new), 'host')} for the first time: {_named(new)}; on the {count(days, 'day')} before it met "
    )
    text += f"{usual:g} new ones a day, at most {most}"
    return [Change(ChangeKind.NEW_PEERS, text, first[new[0]], "ip = {host} and ip in (" + ", ".join(new[:50]) + ")")]


def _volumes(before: Sequence[HostHour], after: Sequence[HostHour], days: int) -> list[Change]:
    found = []
    for name, verb in (("sent", "sent"), ("received", "received")):
        at_hour: dict[int, list[float]] = defaultdict(list)
        for hour in before:
            at_hour[hour.number % 24].append(getattr(hour, name))
        for hour in after:
            seen = at_hour[hour.number % 24]
            values = seen + [0.0] * (days - len(seen))
            usual = statistics.median(values)
            spread = MAD_TO_SIGMA * statistics.median(abs(value - usual) for value in values)
            volume = getattr(hour, name)
            least = max(LEAST_BYTES, LEAST_RATIO * usual, usual + MADS * spread, LEAST_RATIO / 2 * max(values))
            if volume <= least:
                continue
            clock = hour.number % 24
            text = (
                f"{verb} {size(volume)} between {clock:02}:00 and {(clock + 1) % 24:02}:00 on "
                f"{utc(hour.number * HOUR_NS)[:10]}; at this hour it is usually {size(usual)}, at most "
                f"{size(max(values))} on the {count(days, 'day')} before"
            )
            began = utc(hour.number * HOUR_NS)[:19]
            query = f"ip = {{host}} since {began}Z until {utc((hour.number + 1) * HOUR_NS)[:19]}Z order by bytes"
            found.append(
                (volume / max(usual, LEAST_BYTES), Change(ChangeKind.VOLUME, text, hour.number * HOUR_NS, query))
            )
    return [change for _, change in sorted(found, key=lambda pair: -pair[0])[:MOST_HOURS]]


def _silence(before: Sequence[HostHour], last: HostHour, until_hour: int) -> list[Change]:
    """Nothing for longer than ever before, of a host that was seen most of the time."""
    numbers = [hour.number for hour in before]
    longest = max((right - left - 1 for left, right in pairwise(numbers)), default=0)
    silent = until_hour - last.number - 1
    if silent < 3 or silent <= 2 * longest or len(numbers) < 24:
        return []
    text = f"not seen for {count(silent, 'hour')}, since {utc(last.last_ns)[:16]}Z; before, it was never silent for "
    text += f"more than {count(longest, 'hour')}"
    return [Change(ChangeKind.SILENT, text, last.last_ns)]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
