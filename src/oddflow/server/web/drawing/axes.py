"""The axes that charts over time share: times in UTC below, values at the left."""

from collections.abc import Callable

from markupsafe import Markup

from oddflow.reports.svg import SECOND_NS, anchor, between, element, percent, round_ticks, time_ticks

Say = Callable[[float], str]
"""How a value is written."""


def time_axis(start_s: float, end_s: float, *, top: float, base: float, about: int = 8) -> list[Markup]:
    """Round times as lines from `top` to `base`, labels below; every second one is left out where it is narrow."""
    start_ns, end_ns = round(start_s * SECOND_NS), round(end_s * SECOND_NS)
    parts = []
    for index, (time_ns, words) in enumerate(time_ticks(start_ns, end_ns, about=about)):
        at = between(time_ns, start_ns, end_ns)
        kind = " minor" if index % 2 else ""
        parts.append(element("line", class_=f"grid{kind}", x1=percent(at), x2=percent(at), y1=top, y2=base))
        parts.append(element("text", words, x=percent(at), y=base + 17, text_anchor=anchor(at), class_=f"axis{kind}"))
    return parts


def value_axis(most: float, say: Say, *, top: float, base: float, about: int = 3) -> list[Markup]:
    """Round values from zero at `base` to `most` at `top`, their labels at the left."""
    parts = [element("line", class_="zero", x2="100%", y1=base, y2=base)]
    for tick in round_ticks(0, most, about=about):
        y = base - (base - top) * tick / most if most else base
        if tick:
            parts.append(element("line", class_="grid", x2="100%", y1=y, y2=y))
        parts.append(element("text", say(tick), x=-8, y=y + 3.5, text_anchor="end", class_="axis"))
    return parts


def hits(words: list[str], *, top: float, base: float) -> list[Markup]:
    """Columns that touch, each telling its words where a pointer or the arrow keys are on it."""
    wide = len(words)
    return [
        element(
            "rect", element("title", said), class_="hit band", x=percent(place / wide), width=percent(1 / wide),
            y=top, height=base - top,
        )
        for place, said in enumerate(words)
    ]  # fmt: skip
