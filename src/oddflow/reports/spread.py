"""How one feature of a labelled set is spread: normal rows as an area, attacks as a line over it."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.datasets.summary import Spread
from oddflow.features.feature import Scale
from oddflow.reports.svg import chart, element, layer, percent, steps
from oddflow.reports.words import measured, number

_HEIGHT, _BASE = 64.0, 70.0
_LINE = 22.0
_WORDS_SHOWN = 6
_LONGEST_WORD = 26


def spread_chart(spread: Spread) -> Markup:
    """A histogram, or bars for the commonest words; empty where all values are missing."""
    if spread.words:
        return _words(spread)
    return _histogram(spread) if spread.edges else Markup("")


def shares(counts: Sequence[int]) -> list[float]:
    """Each count as a part of their sum; 0 where there are none."""
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _histogram(spread: Spread) -> Markup:
    normal, attack = shares(spread.normal), shares(spread.attack)
    most = max(*normal, *attack, 1e-9)
    bins = len(normal)
    drawn = [
        element("path", class_="area", d=steps([_height(part, most) for part in normal], _HEIGHT, closed=True)),
        element("path", class_="outline", d=steps([_height(part, most) for part in attack], _HEIGHT, closed=True)),
    ]
    unit = spread.feature.unit
    low, high = (measured(edge, unit if unit == "s" else "") for edge in (spread.edges[0], spread.edges[-1]))
    return chart(
        layer(*drawn, y=_BASE - _HEIGHT, height=_HEIGHT, columns=bins),
        element("line", class_="zero", x2="100%", y1=_BASE, y2=_BASE),
        *(_hit(spread, place, bins) for place in range(bins)),
        element("text", low, x=0, y=_BASE + 15, class_="axis"),
        element("text", high, x="100%", y=_BASE + 15, text_anchor="end", class_="axis"),
        height=_BASE + 20,
        kind="spread",
        label=f"{spread.feature.name} from {low} to {high}: {sum(spread.normal):,} normal rows, "
        f"{sum(spread.attack):,} attacks{', log scale' if spread.feature.scale is Scale.LOG else ''}",
    )


def _height(part: float, most: float) -> float:
    """The square root: small parts stay visible beside one that holds nearly all."""
    return math.sqrt(part / most) * (_HEIGHT - 2) if part > 0 else 0.0


def _hit(spread: Spread, place: int, bins: int) -> Markup:
    between = f"{number(spread.edges[place])} to {number(spread.edges[place + 1])}"
    words = f"{between}\n{spread.normal[place]:,} normal, {spread.attack[place]:,} attacks"
    return element(
        "rect", element("title", words), class_="hit band", y=_BASE - _HEIGHT, height=_HEIGHT,
        x=percent(place / bins), width=percent(1 / bins),
    )  # fmt: skip


def _words(spread: Spread) -> Markup:
    shown = min(len(spread.words), _WORDS_SHOWN)
    normal, attack = shares(spread.normal), shares(spread.attack)
    most = max(*normal, *attack, 1e-9)
    lines = []
    for place in range(shown):
        y = place * _LINE
        word = spread.words[place] or "(none)"
        word = word if len(word) <= _LONGEST_WORD else f"{word[: _LONGEST_WORD - 1]}…"
        told = f"{spread.words[place]}\n{spread.normal[place]:,} normal, {spread.attack[place]:,} attacks"
        lines += [
            element("text", word, x=0, y=y + 13, class_="axis"),
            element("rect", class_="area", x="45%", width=percent(0.55 * normal[place] / most), y=y + 3, height=6),
            element("rect", class_="odd", x="45%", width=percent(0.55 * attack[place] / most), y=y + 11, height=4),
            element("rect", element("title", told), class_="hit band", x=0, width="100%", y=y, height=_LINE - 2),
        ]
    return chart(
        *lines,
        height=shown * _LINE,
        kind="spread",
        label=f"{spread.feature.name}: the {shown} commonest of {spread.distinct:,} values, among "
        f"{sum(spread.normal):,} normal rows and {sum(spread.attack):,} attacks",
    )


def class_bar(normal: bool, rows: int, most: int) -> Markup:
    """Rows of a class against the most frequent one, on a scale of square roots."""
    return chart(
        element("rect", class_="area" if normal else "odd", width=percent(math.sqrt(rows / max(1, most))), height=10),
        height=10,
        kind="spread",
        label=f"{rows:,} rows",
    )
