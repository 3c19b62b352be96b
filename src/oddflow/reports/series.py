"""Several lines in one plot: each a series of points between 0 and 1, with a legend that is written beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.svg import chart, element, fixed, layer, percent

HEIGHT = 240.0
_TOP = 8.0
_COLUMNS = 1_000.0
COLOURS = 8
"""Series of more than these share colours."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line.

    Attributes:
        name: As the legend calls it.
        points: Places, each 0 to 1 in both directions.
        colour: Which, from 0; None for what only stands beside.
        dots: Whether its points are marked.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: int | None = 0
    dots: bool = False

    @property
    def style(self) -> str:
        """The class that colours it."""
        return "beside" if self.colour is None else f"c{self.colour % COLOURS}"


@dataclass(frozen=True, slots=True)
class Axis:
    """What stands at an axis: its title and its ticks, places 0 to 1 with their labels."""

    title: str
    ticks: Sequence[tuple[float, str]]


SHARES = tuple((place / 4, f"{25 * place} %") for place in range(5))


def lines_chart(
    series: Sequence[Series], across: Axis, up: Axis, *, label: str, guide: Sequence[tuple[float, float]] = ()
) -> Markup:
    """Lines over one another, the first on top; `guide` is what chance would give, dashed."""
    paths = [element("path", d=_path(guide), class_="guide")] if guide else []
    paths += [element("path", d=_path(one.points), class_=f"line {one.style}") for one in reversed(series)]
    dots = [
        element("circle", cx=percent(_clipped(x)), cy=_y(y), r=3, class_=f"dot {one.style}")
        for one in series
        if one.dots
        for x, y in one.points
    ]
    bottom = _TOP + HEIGHT
    return chart(
        *_grid(across, up, bottom),
        layer(*paths, y=_TOP, height=HEIGHT, columns=_COLUMNS),
        *dots,
        element("text", across.title, x="50%", y=bottom + 38, text_anchor="middle", class_="axis"),
        height=bottom + 44,
        kind="curves",
        label=f"{label}: {'; '.join(one.name for one in series)}",
    )


def _grid(across: Axis, up: Axis, bottom: float) -> list[Markup]:
    drawn = []
    for place, text in up.ticks:
        y = _y(place)
        drawn.append(element("line", class_="grid" if place else "zero", x2="100%", y1=y, y2=y))
        drawn.append(element("text", text, x=-6, y=y + 4, text_anchor="end", class_="axis"))
    for place, text in across.ticks:
        x = percent(place)
        drawn.append(element("line", class_="grid", x1=x, x2=x, y1=_TOP, y2=bottom))
        anchor = "start" if place == 0 else "end" if place == 1 else "middle"
        drawn.append(element("text", text, x=x, y=bottom + 18, text_anchor=anchor, class_="axis"))
    return drawn


def _path(points: Sequence[tuple[float, float]]) -> str:
    places = [f"{fixed(_COLUMNS * _clipped(x))} {fixed(_y(y) - _TOP)}" for x, y in points]
    return f"M{'L'.join(places)}" if places else "M0 0"


def _y(share: float) -> float:
    return _TOP + HEIGHT * (1 - _clipped(share))


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def strip(
    values: Sequence[float], low: float, high: float, *, of: tuple[float, float], style: str, label: str
) -> Markup:
    """Values as dots on a line from one end of a common range to the other, and their interval as a bar."""
    least, most = of
    span = most - least or 1.0
    places = [(value - least) / span for value in values]
    start, end = ((value - least) / span for value in (low, high))
    return chart(
        element("line", class_="rail", x2="100%", y1=10, y2=10),
        element("line", class_=f"bar {style}", x1=percent(_clipped(start)), x2=percent(_clipped(end)), y1=10, y2=10),
        *(element("circle", class_=f"dot {style}", cx=percent(_clipped(place)), cy=10, r=3.5) for place in places),
        height=20,
        kind="seeds",
        label=label,
    )
