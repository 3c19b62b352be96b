"""The small charts of one alert: its first packets, a reason against the normal range, a share."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import anchor, between, chart, decades, element, join, percent
from oddflow.reports.words import duration, measured
from oddflow.schema import SEQUENCE_PACKETS
from oddflow.verdicts.alert import Reason

_LEAST_BYTES = 280
"""Bars of fewer bytes together are drawn small, as they are."""
_LOG_FROM = 50.0
"""A range that spans more than this is drawn on a log scale."""


def share_bar(share: float) -> Markup:
    """A part of the score as a bar of at most the full width."""
    part = between(share, 0, 1) if math.isfinite(share) else 0.0
    return chart(
        element("rect", class_="rail", width="100%", height=4, rx=2),
        element("rect", class_="part", width=percent(part), height=4, rx=2),
        height=4,
        kind="share",
        label=f"{100 * part:.0f} % of the score",
    )


def packets_chart(lengths: Sequence[int], gaps_us: Sequence[int]) -> Markup:
    """The first packets in order: up from the initiator, down from the responder, by IP length."""
    shown = [length for length in lengths[:SEQUENCE_PACKETS] if length]
    up = max((length for length in shown if length > 0), default=0)
    down = max((-length for length in shown if length < 0), default=0)
    pixels = 112 / max(up + down, _LEAST_BYTES)
    zero = 14 + up * pixels
    bars = []
    for index, length in enumerate(shown):
        gap = f"{duration(gaps_us[index] * 1_000)} after the one before" if 0 < index < len(gaps_us) else ""
        bars.append(_packet(index, length, gap, zero, pixels))
    return chart(
        *_packet_axis(up, down, zero, pixels),
        *bars,
        height=zero + down * pixels + 30,
        kind="packets",
        label=_packets_label(shown, up, down),
    )


def _packet(index: int, length: int, gap: str, zero: float, pixels: float) -> Markup:
    height = max(abs(length) * pixels, 1.5)
    by = "initiator" if length > 0 else "responder"
    words = f"Packet {index + 1} from the {by}\n{abs(length):,} bytes" + (f", {gap}" if gap else "")
    place = {"x": percent((index + 0.14) / SEQUENCE_PACKETS), "width": percent(0.72 / SEQUENCE_PACKETS)}
    return element(
        "rect",
        element("title", words),
        class_=f"hit {'up' if length > 0 else 'down'}",
        y=zero - height if length > 0 else zero,
        height=height,
        **place,
    )


def _packet_axis(up: int, down: int, zero: float, pixels: float) -> list[Markup]:
    lines = [element("line", class_="zero", x2="100%", y1=zero, y2=zero)]
    for length, sign in ((up, -1), (down, 1)):
        if length:
            y = zero + sign * length * pixels
            lines.append(element("line", class_="grid", x2="100%", y1=y, y2=y))
            lines.append(element("text", f"{length:,} B", x=-6, y=y + 3.5, text_anchor="end", class_="axis"))
    for index in (0, 7, 15, 23, 31):
        x = percent((index + 0.5) / SEQUENCE_PACKETS)
        lines.append(
            element("text", str(index + 1), x=x, y=zero + down * pixels + 20, text_anchor="middle", class_="axis")
        )
    return lines


def _packets_label(shown: Sequence[int], up: int, down: int) -> str:
    sent = sum(1 for length in shown if length > 0)
    return (
        f"Lengths of the first {len(shown)} packets: {sent} from the initiator, at most {up:,} bytes; "
        f"{len(shown) - sent} from the responder, at most {down:,} bytes"
    )


def range_strip(reason: Reason, unit: str = "") -> Markup:
    """A value against the normal range low to high, on a log scale where that spans; empty if not finite."""
    marks = (reason.value, reason.normal_low, reason.normal_high)
    if not all(math.isfinite(mark) for mark in marks):
        return Markup("")
    spread = _Spread(marks)
    low, high = sorted((spread.place(reason.normal_low), spread.place(reason.normal_high)))
    at = spread.place(reason.value)
    outside = not reason.normal_low <= reason.value <= reason.normal_high
    normal = f"normal {_interval(reason.normal_low, reason.normal_high, unit)}"
    value = measured(reason.value, unit)
    return chart(
        element("line", class_="rail", x1="0%", x2="100%", y1=20, y2=20),
        join([element("line", class_="tick", x1=percent(x), x2=percent(x), y1=17, y2=23) for x in spread.ticks]),
        element("line", class_="normal", x1=percent(low), x2=percent(high), y1=20, y2=20),
        element("circle", class_="odd" if outside else "even", cx=percent(at), cy=20, r=4.5),
        _strip_text(value, (at, at), 10, "value"),
        _strip_text(normal, (low, high), 37, "axis"),
        height=42,
        kind="strip",
        label=f"{reason.feature}: {value}; {normal}{' (log scale)' if spread.log else ''}",
    )


def _strip_text(words: str, ends: tuple[float, float], y: float, kind: str) -> Markup:
    middle = sum(ends) / 2
    side = anchor(middle, margin=0.28)
    x = {"start": max(ends[0] - 0.015, 0.0), "end": min(ends[1] + 0.015, 1.0)}.get(side, middle)
    return element("text", words, x=percent(x), y=y, text_anchor=side, class_=kind)


def _interval(low: float, high: float, unit: str) -> str:
    if low == high:
        return measured(low, unit)
    return f"{measured(low, unit if unit == 's' else '')} to {measured(high, unit)}"


class _Spread:
    """Places finite marks on a strip with some room at both ends; log where they span, then through zero."""

    def __init__(self, marks: Sequence[float]) -> None:
        sizes = [abs(mark) for mark in marks if mark]
        self.log = bool(sizes) and min(marks) >= 0 and max(sizes) / min(sizes) >= _LOG_FROM
        self._unit = min(sizes, default=1.0)
        bent = [self._bend(mark) for mark in marks]
        room = 0.05 * (max(bent) - min(bent))
        self._low, self._high = min(bent) - room, max(bent) + room
        self.ticks = [self.place(tick) for tick in decades(self._unit, max(sizes, default=1.0))] if self.log else []

    def _bend(self, mark: float) -> float:
        return math.log10(1 + mark / self._unit) if self.log else mark

    def place(self, mark: float) -> float:
        """The fraction of the strip at which a mark stands."""
        return between(self._bend(mark), self._low, self._high)
