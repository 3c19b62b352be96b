"""The time line: flows and alerts over time, and when each of the first rows was seen."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import anchor, between, chart, element, join, layer, percent, steps, time_ticks
from oddflow.reports.words import count, destination_of, moment, source_of
from oddflow.verdicts.alert import AlertRow
from oddflow.verdicts.detection import Timeline

MOST_BINS = 240
LANES = 12
_LANE_WORDS = 72
_ALERTS_BASE, _ALERTS_HEIGHT = 44.0, 36.0
_FLOWS_BASE, _FLOWS_HEIGHT = 172.0, 112.0
_LANES_TOP, _LANE = 208.0, 30.0


def coarser(timeline: Timeline, most: int = MOST_BINS) -> Timeline:
    """The same time line in at most `most` bins: neighbours are added up."""
    bins = min(len(timeline.flows), len(timeline.alerts))
    by = max(1, -(-bins // most))
    return Timeline(
        start_ns=timeline.start_ns,
        width_ns=max(timeline.width_ns, 1) * by,
        flows=tuple(sum(timeline.flows[i : i + by]) for i in range(0, bins, by)),
        alerts=tuple(sum(timeline.alerts[i : i + by]) for i in range(0, bins, by)),
    )


def timeline_chart(timeline: Timeline, rows: Sequence[AlertRow]) -> Markup:
    """Flows over time, alerts above them, and a lane below for each of the first rows."""
    line = coarser(timeline)
    if not line.flows:
        return Markup("")
    lanes = rows[:LANES]
    most_flows, most_alerts = max(line.flows), max(line.alerts)
    return chart(
        _time_axis(line, most_flows, most_alerts, _LANES_TOP + _LANE * len(lanes) - 8),
        _flows_layer(line, most_flows),
        _alert_bars(line, most_alerts),
        join([_lane(line, row, index) for index, row in enumerate(lanes)]),
        _time_hits(line),
        height=_LANES_TOP + _LANE * len(lanes) + (4 if lanes else -18),
        kind="timeline",
        role="group",
        label=f"Flows over time, at most {most_flows:,} at once; alerts, at most {most_alerts:,} at once; "
        f"and when each of the first {len(lanes)} rows was seen",
    )


def _time_axis(line: Timeline, most_flows: int, most_alerts: int, bottom: float) -> Markup:
    end_ns = line.start_ns + line.width_ns * len(line.flows)
    parts = []
    for index, (time_ns, words) in enumerate(time_ticks(line.start_ns, end_ns, about=10)):
        at = between(time_ns, line.start_ns, end_ns)
        kind = " minor" if index % 2 else ""
        parts.append(element("line", class_=f"grid{kind}", x1=percent(at), x2=percent(at), y1=8, y2=bottom))
        parts.append(
            element("text", words, x=percent(at), y=_FLOWS_BASE + 17, text_anchor=anchor(at), class_=f"axis{kind}")
        )
    for base, height, most in (
        (_FLOWS_BASE, _FLOWS_HEIGHT, most_flows),
        (_ALERTS_BASE, _ALERTS_HEIGHT, most_alerts),
    ):
        parts.append(element("line", class_="zero", x2="100%", y1=base, y2=base))
        parts.append(element("text", "0", x=-8, y=base + 3.5, text_anchor="end", class_="axis"))
        if most:
            y = base - height + 3.5
            parts.append(element("text", f"{most:,}", x=-8, y=y, text_anchor="end", class_="axis"))
    return element("g", *parts)


def _flows_layer(line: Timeline, most: int) -> Markup:
    heights = [flows / max(most, 1) * _FLOWS_HEIGHT for flows in line.flows]
    return layer(
        element("path", class_="area", d=steps(heights, _FLOWS_HEIGHT, closed=True)),
        element("path", class_="outline", d=steps(heights, _FLOWS_HEIGHT, closed=False)),
        y=_FLOWS_BASE - _FLOWS_HEIGHT,
        height=_FLOWS_HEIGHT,
        columns=len(heights),
    )


def _alert_bars(line: Timeline, most: int) -> Markup:
    """Bars by the logarithm of the count, so that one alert is seen beside a thousand."""
    bars = []
    for index, alerts in enumerate(line.alerts):
        if alerts:
            height = max(4.0, math.log1p(alerts) / math.log1p(most) * _ALERTS_HEIGHT)
            x = percent((index + 0.5) / len(line.alerts))
            bars.append(element("line", class_="alarm", x1=x, x2=x, y1=_ALERTS_BASE, y2=_ALERTS_BASE - height))
    return element("g", *bars)


def _time_hits(line: Timeline) -> Markup:
    bins = len(line.flows)
    return element(
        "g",
        *(
            element(
                "rect",
                element("title", f"{moment(line.start_ns + index * line.width_ns)}\n{_bin_words(line, index)}"),
                class_="hit band",
                x=percent(index / bins),
                width=percent(1 / bins),
                y=_ALERTS_BASE - _ALERTS_HEIGHT,
                height=_FLOWS_BASE - _ALERTS_BASE + _ALERTS_HEIGHT,
            )
            for index in range(bins)
        ),
    )


def _bin_words(line: Timeline, index: int) -> str:
    return f"{count(line.flows[index], 'flow')}, {count(line.alerts[index], 'alert')}"


def _lane(line: Timeline, row: AlertRow, index: int) -> Markup:
    """A row's span as a thin bar, thick where it has alerts."""
    bins, span_ns = len(line.flows), line.width_ns * len(line.flows)
    start_ns = min(alert.start_ns for alert in row.alerts)
    end_ns = max(alert.end_ns for alert in row.alerts)
    y = _LANES_TOP + _LANE * index + 16
    words = f"{source_of(row)} → {destination_of(row)}"
    busy = {min(bins - 1, max(0, (a.start_ns - line.start_ns) // line.width_ns)) for a in row.alerts}
    quiet = all(alert.truth == "" for alert in row.alerts)
    first, last = (between(t, line.start_ns, line.start_ns + span_ns) for t in (start_ns, end_ns))
    short = words if len(words) <= _LANE_WORDS else words[:_LANE_WORDS] + "…"
    when = f"{moment(start_ns)} to {moment(end_ns)}"
    title = f"Row {row.rank}: {words}\n{count(len(row.alerts), 'alert')}, {when}"
    return element(
        "a",
        element("title", title),
        element("rect", class_="catch", width="100%", y=y - 16, height=_LANE - 4),
        element("text", str(row.rank), x=-8, y=y - 3.5, text_anchor="end", class_="lane-rank"),
        element("text", short, x=0, y=y - 4, class_="lane-words"),
        element("line", class_="rail", x2="100%", y1=y + 4, y2=y + 4),
        element("line", class_="span", x1=percent(first), x2=percent(last), y1=y + 4, y2=y + 4),
        *(
            element("line", class_="busy", x1=percent(a / bins), x2=percent((b + 1) / bins), y1=y + 4, y2=y + 4)
            for a, b in _runs(sorted(busy))
        ),
        href=f"#row-{int(row.rank)}",
        class_="hit lane quiet" if quiet else "hit lane",
    )


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs
