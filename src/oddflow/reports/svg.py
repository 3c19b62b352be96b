"""SVG elements as escaped markup, and the scales and ticks that charts stand on.

Horizontal places are fractions of the plot, written in percent: so a chart fits any width and its text
keeps its size. Vertical places are pixels.
"""

import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup, escape

from oddflow.reports.words import visible

SECOND_NS = 1_000_000_000
_TIME_STEPS_S = (
    *(base * 10**power for power in range(-6, 1) for base in (1, 2, 5)),
    10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    *(86_400 * days for days in (1, 2, 7, 14, 30, 90, 180, 365, 730, 1_825, 3_650, 36_500)),
)  # fmt: skip

Attribute = str | int | float | None


def fixed(value: float) -> str:
    """A coordinate with at most two decimals; what is not finite becomes 0, since a path must stay whole."""
    text = f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"
    return "0" if text == "-0" else text


def percent(fraction: float) -> str:
    """A horizontal place, 0 to 1, as SVG wants it."""
    return f"{fixed(100 * fraction)}%"


def element(name: str, *children: str | Markup, **attributes: Attribute) -> Markup:
    """One element: attributes and texts are escaped, numbers written short, None left out.

    >>> element("text", "a < b", x=1.25, class_="label")
    Markup('<text x="1.25" class="label">a &lt; b</text>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else escape(visible(child)) for child in children if child)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")  # noqa: S704


def _attribute(value: str | float) -> str:
    if isinstance(value, str):
        return str(escape(visible(value, longest=len(value))))  # a path that is cut is broken
    return fixed(value)


def chart(*children: Markup, height: float, label: str, kind: str, role: str = "img") -> Markup:
    """A whole chart: as wide as its place, `height` pixels high, with `label` for those who do not see it."""
    return element("svg", *children, class_=f"chart {kind}", height=height, role=role, aria_label=label)


def join(parts: Sequence[Markup]) -> Markup:
    """Elements side by side."""
    return Markup("").join(parts)


def layer(*children: Markup, y: float, height: float, columns: float) -> Markup:
    """A part of a chart that is stretched to the full width: `columns` units wide, for paths."""
    box = f"0 0 {fixed(max(columns, 1))} {fixed(height)}"
    return element("svg", *children, x=0, y=y, width="100%", height=height, viewBox=box, preserveAspectRatio="none")


def steps(heights: Sequence[float], base: float, *, closed: bool) -> str:
    """The outline of bars that touch: a path over `len(heights)` columns of width 1, `base` at the bottom."""
    if not heights:
        return f"M0 {fixed(base)}"
    path = [f"M0 {fixed(base)}" if closed else f"M0 {fixed(base - heights[0])}"]
    for column, height in enumerate(heights):
        path.append(f"V{fixed(base - height)}H{column + 1}")
    return "".join(path) + (f"V{fixed(base)}Z" if closed else "")


def between(value: float, low: float, high: float) -> float:
    """The place of a value between two others, 0 to 1; the middle where there is no range."""
    if not (math.isfinite(value) and math.isfinite(high - low)) or high <= low:
        return 0.5
    return min(1.0, max(0.0, (value - low) / (high - low)))


def anchor(fraction: float, margin: float = 0.06) -> str:
    """Which end of a label stands at its place, so that it stays inside the plot."""
    if fraction < margin:
        return "start"
    return "end" if fraction > 1 - margin else "middle"


def round_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values within a range: steps of 1, 2 or 5 times a power of ten.

    >>> round_ticks(0, 9.3, about=5)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    if not math.isfinite(high - low) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(about, 1)
    if raw < sys.float_info.min:  # a range so small that its steps cannot be told apart
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(base for base in (1, 2, 5, 10) if base * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from `low` to `high`, both above zero; thinned out where there are many."""
    if not (0 < low <= high and math.isfinite(high)):
        return []
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [10.0**power for power in range(first, last + 1, max(1, (last - first) // 6))]


def time_ticks(start_ns: int, end_ns: int, about: int = 8) -> list[tuple[int, str]]:
    """Round times in UTC within a span, each with its label; a new day shows its date.

    >>> time_ticks(1_700_000_000 * SECOND_NS, 1_700_000_900 * SECOND_NS, about=3)
    [(1700000100000000000, '22:15'), (1700000400000000000, '22:20'), (1700000700000000000, '22:25')]
    """
    span_ns = end_ns - start_ns
    if span_ns <= 0:
        return []
    step_ns = next(
        (step for step in (round(s * SECOND_NS) for s in _TIME_STEPS_S) if step * about >= span_ns),
        round(_TIME_STEPS_S[-1] * SECOND_NS),
    )
    first = -(-start_ns // step_ns) * step_ns
    return [(time_ns, _time_label(time_ns, step_ns)) for time_ns in range(first, end_ns + 1, step_ns)]


def _time_label(time_ns: int, step_ns: int) -> str:
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    time = datetime.fromtimestamp(seconds, UTC)
    if seconds % 86_400 == 0 and rest_ns == 0:
        return f"{time.day} {time:%b}" if step_ns < 300 * 86_400 * SECOND_NS else f"{time:%b %Y}"
    if step_ns >= 60 * SECOND_NS:
        return f"{time:%H:%M}"
    if step_ns >= SECOND_NS:
        return f"{time:%H:%M:%S}"
    return f"{time:%S}.{rest_ns // 1_000:06d}".rstrip("0") + " s"
