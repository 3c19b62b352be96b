"""Values over time: lines of rates, and one course beside the band that is usual for it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.svg import chart, element, fixed, layer, percent
from oddflow.reports.words import moment, number
from oddflow.server.web.drawing.axes import Say, hits, time_axis, value_axis

_TOP, _BASE = 10.0, 130.0


@dataclass(frozen=True, slots=True)
class Course:
    """A value over time, one a step; None where nothing is known.

    Attributes:
        name: As the legend calls it.
        values: From the plot's beginning on.
        colour: Which of the eight, from 0.
    """

    name: str
    values: Sequence[float | None]
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual at each step: from `low` to `high`; None where nobody knows."""

    low: Sequence[float | None]
    high: Sequence[float | None]


def courses_chart(
    courses: Sequence[Course],
    start_s: float,
    step_s: float,
    *,
    label: str,
    say: Say = number,
    band: Band | None = None,
    odd: Collection[int] = (),
    stepped: bool = False,
) -> Markup:
    """Lines over time on one scale from zero; empty where there is nothing to draw.

    Args:
        courses: At most eight, all as long.
        start_s: Where the first step begins, seconds since 1970.
        step_s: How long a step is.
        label: What it shows, for those who do not see it.
        say: How values are written.
        band: What is usual.
        odd: Steps whose first course is marked.
        stepped: Values stand for the whole of their step, as bars that touch, not for its middle.
    """
    length = max((len(course.values) for course in courses), default=0)
    known = [value for course in courses for value in course.values if value is not None]
    if not length or not known:
        return Markup("")
    limits = [value for value in band.high if value is not None] if band else []
    peak = max(known + limits) * 1.04
    most = peak or 1.0  # where all are zero the line lies on the axis, which then has no other value
    drawn = [element("path", class_="usual", d=_area(band, most))] if band else []
    drawn += [
        element("path", class_=f"line c{course.colour % 8}", d=_line(course.values, most, stepped=stepped))
        for course in courses
    ]
    words = [_words(courses, place, start_s + place * step_s, say, band) for place in range(length)]
    return chart(
        *time_axis(start_s, start_s + length * step_s, top=_TOP, base=_BASE),
        *value_axis(peak, say, top=_TOP, base=_BASE),
        layer(*drawn, y=_TOP, height=_BASE - _TOP, columns=length),
        *_marks(courses[0], odd, most, length),
        *hits(words, top=_TOP, base=_BASE),
        height=_BASE + 22,
        kind="courses",
        label=f"{label}: {'; '.join(course.name for course in courses)}; at most {say(max(known))}",
    )


def _y(value: float, most: float) -> float:
    return (_BASE - _TOP) * (1 - value / most)


def _line(values: Sequence[float | None], most: float, *, stepped: bool) -> str:
    path, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{fixed(place if stepped else place + 0.5)} {fixed(_y(value, most))}")
        if stepped:
            path.append(f"H{place + 1}")
        elif pen == "M":
            path.append("h0.01")  # a point that stands alone has no line: its round ends show it
        pen = "L"
    return "".join(path) or "M0 0"


def _area(band: Band, most: float) -> str:
    path = []
    for place, (low, high) in enumerate(zip(band.low, band.high, strict=True)):
        if low is not None and high is not None:
            top, bottom = fixed(_y(high, most)), fixed(_y(low, most))
            path.append(f"M{place} {top}H{place + 1}V{bottom}H{place}Z")
    return "".join(path) or "M0 0"


def _marks(course: Course, odd: Collection[int], most: float, length: int) -> list[Markup]:
    return [
        element("circle", class_="odd", cx=percent((place + 0.5) / length), cy=_TOP + _y(value, most), r=3.5)
        for place, value in enumerate(course.values)
        if value is not None and place in odd
    ]


def _words(courses: Sequence[Course], place: int, at_s: float, say: Say, band: Band | None) -> str:
    lines = [f"{moment(round(at_s) * 1_000_000_000)[:16]} UTC"]
    for course in courses:
        value = course.values[place] if place < len(course.values) else None
        lines.append(f"{course.name}: {'nothing known' if value is None else say(value)}")
    if band:
        low, high = band.low[place], band.high[place]
        if low is not None and high is not None:
            lines.append(f"usual: {say(low)} to {say(high)}")
    return "\n".join(lines)
