"""When flows began and ended: exporters have ten ways to say it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oddflow.logs.netflow.elements import Kind
from oddflow.logs.netflow.layout import Layout, Rows

UNKNOWN_NS = -(1 << 62)
UNKNOWN_MS = -(1 << 62)
LATEST_NS = (1 << 62) - 1
"""Later times (after the year 2116) are none."""
NTP_TO_UNIX_S = 2_208_988_800
NTP_ERA_S = 1 << 32
NS_PER_S, NS_PER_MS, NS_PER_US = 10**9, 10**6, 10**3

Integers = NDArray[np.int64]


class Clock(NamedTuple):
    """What each record's message says of the time, (n,) each.

    Attributes:
        sent_ns: When it was sent.
        uptime_ms: How long the exporter was up then; UNKNOWN_MS where that is not known.
    """

    sent_ns: Integers
    uptime_ms: Integers


def read_times(layout: Layout, rows: Rows, clock: Clock) -> tuple[Integers, Integers]:
    """Start and end of each record in ns, (n,) each; UNKNOWN_NS where nothing says them."""
    start, end = _time("flowStart", layout, rows, clock), _time("flowEnd", layout, rows, clock)
    duration = _duration(layout, rows)
    observed = _observed(layout, rows)
    if start is None and end is None:
        start = end = observed
    elif duration is not None and start is None and end is not None:
        start = _where_known(end, end - duration)
    elif duration is not None and end is None and start is not None:
        end = _where_known(start, start + duration)
    nothing = np.full(len(rows), UNKNOWN_NS)
    start, end = nothing if start is None else start, nothing if end is None else end
    reverse_start = _time("reverseFlowStart", layout, rows, clock)
    reverse_end = _time("reverseFlowEnd", layout, rows, clock)
    if reverse_start is not None:
        start = np.where((reverse_start > 0) & (start > 0), np.minimum(start, reverse_start), start)
    if reverse_end is not None:
        end = np.maximum(end, reverse_end)
    return start, end


def _time(which: str, layout: Layout, rows: Rows, clock: Clock) -> Integers | None:
    """One end's time, by the most exact field that there is (RFC 7011 sections 6.1.7 to 6.1.10, RFC 5102)."""
    for name in (f"{which}Nanoseconds", f"{which}Microseconds"):
        if layout.kinds.get(name) is Kind.NTP_TIME:
            return _ntp(rows[name])
    for name, unit in ((f"{which}Milliseconds", NS_PER_MS), (f"{which}Seconds", NS_PER_S)):
        told = layout.numbers(rows, name)
        if told is not None:
            return _scaled(told, unit)
    before = layout.numbers(rows, f"{which}DeltaMicroseconds")
    if before is not None:
        ago = _scaled(before, NS_PER_US)
        return np.where(ago == UNKNOWN_NS, UNKNOWN_NS, clock.sent_ns - ago)
    uptime = layout.numbers(rows, f"{which}SysUpTime")
    return None if uptime is None else _since_boot(uptime, clock)


def _scaled(told: NDArray[np.uint64], unit: int) -> Integers:
    is_time = (told > 0) & (told <= LATEST_NS // unit)
    return np.where(is_time, told, 0).astype(np.int64) * unit + np.where(is_time, 0, UNKNOWN_NS)


def _ntp(words: Rows) -> Integers:
    """Seconds since 1900 and a fraction, (n, 2); from 2036 on the seconds begin anew (RFC 4330 section 3)."""
    seconds, fraction = words[:, 0].astype(np.int64), words[:, 1].astype(np.int64)
    unix = np.where(seconds < 1 << 31, seconds + NTP_ERA_S, seconds) - NTP_TO_UNIX_S
    nanoseconds = (fraction * NS_PER_S + (1 << 31)) >> 32
    return np.where((seconds == 0) & (fraction == 0), UNKNOWN_NS, unix * NS_PER_S + nanoseconds)


def _since_boot(told: NDArray[np.uint64], clock: Clock) -> Integers:
    """Milliseconds since the exporter began, which begin anew after 49.7 days; the nearest such time is meant."""
    apart = (told.astype(np.int64) - clock.uptime_ms) & 0xFFFFFFFF
    signed = np.where(apart >= 1 << 31, apart - (1 << 32), apart)
    return np.where(clock.uptime_ms == UNKNOWN_MS, UNKNOWN_NS, clock.sent_ns + signed * NS_PER_MS)


def _duration(layout: Layout, rows: Rows) -> Integers | None:
    for name, unit in (("flowDurationMicroseconds", NS_PER_US), ("flowDurationMilliseconds", NS_PER_MS)):
        told = layout.numbers(rows, name)
        if told is not None:
            return np.minimum(told, np.uint64(LATEST_NS // (4 * unit))).astype(np.int64) * unit
    return None


def _observed(layout: Layout, rows: Rows) -> Integers | None:
    for name, unit in (("observationTimeMilliseconds", NS_PER_MS), ("observationTimeSeconds", NS_PER_S)):
        told = layout.numbers(rows, name)
        if told is not None:
            return _scaled(told, unit)
    return None


def _where_known(known: Integers, found: Integers) -> Integers:
    return np.where(known == UNKNOWN_NS, UNKNOWN_NS, found)
