"""What went by in the last hour, a value a minute and source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.words import UNKNOWN, number
from oddflow.server.store.store import Store
from oddflow.server.web.drawing.courses import Course, courses_chart

MINUTE_S = 60
MINUTES = 60
MOST_SOURCES = 8
"""So many lines are told apart; the busiest sources have them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One measure of the last hour.

    Attributes:
        title: What it is.
        now: The last whole minute of all sources, in words.
        chart: A line a source.
        sources: Their names in the order of their colours.
        left: How many sources have no line.
    """

    title: str
    now: str
    chart: Markup
    sources: Sequence[str]
    left: int = 0


def per_s(value: float) -> str:
    """A rate.

    >>> per_s(1_234.6)
    '1,235/s'
    """
    return f"{number(round(value, 1) if value < 100 else round(value))}/s"


def bits(value: float) -> str:
    """Bits a second.

    >>> bits(12_500_000)
    '12.5 Mbit/s'
    """
    for limit, name in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if value >= limit:
            return f"{value / limit:.3g} {name}"
    return f"{value:.3g} bit/s"


def whole(value: float) -> str:
    """A number of things."""
    return f"{round(value):,}" if value == round(value) else ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    title: str
    times: float
    say: Callable[[float], str]


WANTED = (
    _Wanted("packets", "Packets", 1 / MINUTE_S, per_s),
    _Wanted("bytes", "Traffic", 8 / MINUTE_S, bits),
    _Wanted("flows", "Flows", 1 / MINUTE_S, per_s),
    _Wanted("alerts", "Alerts", 1.0, whole),
)


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour: rates, and what was lost in it."""

    rates: Sequence[Rate]
    judged: int
    packets: int
    lost: int
    shed: int

    @classmethod
    def of(cls, store: Store, now_s: float) -> "Hour":
        """From the store; the minute that runs is left out, since it is not whole."""
        end_s = int(now_s) // MINUTE_S * MINUTE_S
        start_s = end_s - MINUTES * MINUTE_S
        names = [*(one.name for one in WANTED), "judged", "lost", "shed"]
        told = store.measures.series(names, since_s=start_s, until_s=end_s, step_s=MINUTE_S)

        def total(name: str) -> int:
            return round(sum(value for named in told.values() for _, value in named.get(name, ())))

        def weight(source: str) -> float:
            return -sum(value for _, value in told[source].get("flows", ()))

        busiest = sorted(sorted(told), key=weight)
        return cls(
            rates=[_rate(one, told, busiest, start_s) for one in WANTED],
            judged=total("judged"),
            packets=total("packets"),
            lost=total("lost"),
            shed=total("shed"),
        )


def _rate(
    wanted: _Wanted, told: dict[str, dict[str, list[tuple[int, float]]]], busiest: Sequence[str], start_s: int
) -> Rate:
    courses: list[Course] = []
    for place, source in enumerate(busiest[:MOST_SOURCES]):
        values: list[float | None] = [None] * MINUTES
        for at_s, value in told[source].get(wanted.name, ()):
            minute = (int(at_s) - start_s) // MINUTE_S
            if 0 <= minute < MINUTES:
                values[minute] = value * wanted.times
        courses.append(Course(source, values, place))
    known = any(value is not None for course in courses for value in course.values)
    latest = [last for course in courses if (last := _latest(course.values)) is not None]
    chart = courses_chart(courses, start_s, MINUTE_S, label=wanted.title, say=wanted.say) if known else Markup("")
    shown = busiest[:MOST_SOURCES]
    now = wanted.say(sum(latest)) or "0" if latest else UNKNOWN
    return Rate(wanted.title, now, chart, shown, len(busiest) - len(shown))


def _latest(values: Sequence[float | None]) -> float | None:
    """The last minute's value; that of the one before where its measures are still being written."""
    return values[-1] if values[-1] is not None else values[-2]
