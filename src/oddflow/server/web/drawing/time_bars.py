"""Counts over time as bars: all of them, and over these the part that is odd."""

from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import chart, element, layer, steps
from oddflow.reports.words import count, moment
from oddflow.server.web.drawing.axes import hits, time_axis, value_axis

_TOP, _BASE = 8.0, 88.0


def time_bars(counts: Sequence[int], odd: Sequence[int], start_s: float, step_s: float) -> Markup:
    """Flows found over time, (n,), and of them those that are alerts, (n,); empty where there are none."""
    most = max(counts, default=0)
    if not most:
        return Markup("")
    height = _BASE - _TOP

    def path(of: Sequence[int]) -> str:
        # A flow among many thousands must still be seen.
        return steps([max(2.0, height * one / most) if one else 0.0 for one in of], height, closed=True)

    words = []
    for place, here in enumerate(counts):
        at_ns = round(start_s + place * step_s) * 1_000_000_000
        alerts = f"\n{count(odd[place], 'alert')}" if odd[place] else ""
        words.append(f"{moment(at_ns)[:16]} UTC\n{count(here, 'flow')}{alerts}")
    return chart(
        *time_axis(start_s, start_s + step_s * len(counts), top=_TOP, base=_BASE),
        *value_axis(most, lambda value: f"{value:,.0f}" if value == int(value) else "", top=_TOP, base=_BASE, about=2),
        layer(
            element("path", class_="area", d=path(counts)),
            element("path", class_="odd", d=path(odd)),
            y=_TOP,
            height=height,
            columns=len(counts),
        ),
        *hits(words, top=_TOP, base=_BASE),
        height=_BASE + 22,
        kind="found",
        label=f"{count(sum(counts), 'flow')} over time, at most {most:,} at once; {count(sum(odd), 'alert')}",
    )
