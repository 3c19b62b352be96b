"""The card of one result: a page with plots that needs nothing else, or its tables as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from oddflow.amounts import seconds
from oddflow.evaluation.calibration import Reliability
from oddflow.evaluation.checking import expected
from oddflow.evaluation.evaluating import Evaluated
from oddflow.evaluation.figures import Seeded, probability_of
from oddflow.evaluation.measure import Asked
from oddflow.evaluation.protocol import Protocol
from oddflow.evaluation.ranking import COSTS, Ranking, cost_curve
from oddflow.evaluation.result import Result, Row
from oddflow.evaluation.tables import COST_HEADS, cell, cost_cells, page, titles
from oddflow.reports.series import SHARES, Axis, Series, lines_chart, strip
from oddflow.reports.shell import rendered

POINTS = 120
LEAST_RATE = 1e-4
"""Where the plot of few false alarms begins."""
MOST_PARTS = 4
"""Of more test parts the first are drawn; the tables have them all."""
CONSTANT = "constant"
"""It lies so far below that no difference between the others would be seen beside it."""
MARKS = {"clean": "found", "not checked": "", "note": "", "warning": "warned", "severe": "missed"}

Values = NDArray[np.float64]
Points = list[tuple[float, float]]


def markdown(found: Evaluated) -> str:
    """The card as Markdown."""
    return page(found.result, level=1) + "\n"


def render(found: Evaluated) -> str:
    """The card as HTML: a pure function of the result and of what was said of each row."""
    result = found.result
    protocol = Protocol.model_validate(result.protocol)
    return rendered(
        "evaluation.html",
        result=result,
        protocol=protocol,
        heads=titles(protocol),
        tables=[(name, _lines(result, protocol, name)) for name in result.parts],
        published=_published(result, protocol),
        differences=_differences(result),
        expected=expected(result),
        seeds=[(name, _seeds(result, protocol.shown[0], name)) for name in result.parts],
        first=protocol.shown[0].title,
        several_seeds=len(protocol.seeds) > 1,
        drawn=[_Drawn.of(found, name) for name in result.parts[:MOST_PARTS]],
        confusions=_confusions(result),
        cost_heads=COST_HEADS,
        costs=[(row, cost_cells(row)) for row in result.rows],
        marks=MARKS,
        duration=seconds(result.duration_s),
        versions=", ".join(f"{name} {version}" for name, version in result.versions.items()),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    row: Row
    cells: list[tuple[str, str]]


def _split(text: str) -> tuple[str, str]:
    """A figure and its interval: "83.28 (82.61–83.90)" -> "83.28", "82.61–83.90"."""
    value, _, interval = text.partition(" (")
    return value, interval.removesuffix(")")


def _lines(result: Result, protocol: Protocol, name: str) -> list[_Line]:
    return [
        _Line(row, [_split(cell(asked, row.parts[name].figures.get(str(asked)))) for asked in protocol.shown])
        for row in result.rows
    ]


def _published(result: Result, protocol: Protocol) -> dict[str, list[tuple[str, list[str]]]]:
    return {
        name: [
            (one.what, [asked.shown(figures[str(asked)]) if str(asked) in figures else "–" for asked in protocol.shown])
            for one in protocol.published
            if (figures := one.figures.get(name))
        ]
        for name in result.parts
    }


def _differences(result: Result) -> list[str]:
    return [
        f"{one.one} less {one.other}, {Asked.read(one.measure).title} on {one.part}: "
        f"{cell(Asked.read(one.measure), one.figure)}"
        for one in result.differences
    ]


def _seeds(result: Result, asked: Asked, name: str) -> list[tuple[Row, str, Markup]]:
    """Each entry's seeds on a common scale."""
    known = [(row, row.parts[name].figures.get(str(asked))) for row in result.rows if row.title != CONSTANT]
    figures = [(row, figure) for row, figure in known if figure]
    ends = [end for _, figure in figures for end in (figure.low, figure.high, *figure.seeds)]
    span = (min(ends), max(ends)) if ends else (0.0, 1.0)
    colours = _colours(result)
    found = []
    for row, figure in figures:
        told = ", ".join(asked.shown(one) for one in figure.seeds)
        label = f"{row.title}, {asked.title} of each seed: {told}"
        style = Series("", [], colours[row.title]).style
        found.append((row, told, strip(figure.seeds, figure.low, figure.high, of=span, style=style, label=label)))
    return found


def _colours(result: Result) -> dict[str, int | None]:
    """Entries have colours of their own; what is trivial is grey."""
    own = [row.title for row in result.rows if not row.trivial]
    return {row.title: own.index(row.title) if row.title in own else None for row in result.rows}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The plots of a test part: titles, what they say, and the charts."""

    name: str
    legend: list[tuple[str, str]]
    plots: list[tuple[str, str, Markup]]

    @classmethod
    def of(cls, found: Evaluated, name: str) -> "_Drawn":
        colours = _colours(found.result)
        first = {title: parts[name][0] for title, parts in found.seeded.items()}
        # a constant has no curve
        told = {title: one for title, one in first.items() if np.ptp(one.tested.scores) > 0 and _has_both(one)}
        legend = [(title, Series("", [], colours[title]).style) for title in first]
        plots = [*_curves(told, colours), *_calibration(first, colours)]
        return cls(name, legend, plots)


def _has_both(one: Seeded) -> bool:
    return bool(0 < one.is_attack.sum() < len(one.places))


def _curves(told: dict[str, Seeded], colours: dict[str, int | None]) -> list[tuple[str, str, Markup]]:
    if not told:
        return []
    counts = {title: Ranking.of(one.tested.scores, one.is_attack).counts() for title, one in told.items()}
    roc, low, precisions, costs = [], [], [], []
    for title, (found, alarms) in counts.items():
        x, y = np.append(0, alarms / alarms[-1]), np.append(0, found / found[-1])
        precision = found / np.maximum(found + alarms, 1)
        roc.append(Series(title, _thin(x, y), colours[title]))
        rates = np.geomspace(LEAST_RATE, 1, POINTS)
        low.append(Series(title, _points(np.linspace(0, 1, POINTS), np.interp(rates, x, y)), colours[title]))
        precisions.append(Series(title, _thin(y[1:], precision), colours[title]))
        share, cost = cost_curve(found, alarms)
        costs.append(Series(title, _points(share, 2 * cost), colours[title]))
    up = Axis("", SHARES)
    decades = [(place / 4, text) for place, text in enumerate(("0.01 %", "0.1 %", "1 %", "10 %", "100 %"))]
    half = [(place / 4, f"{place / 8:g}") for place in range(5)]
    chance = [(0.0, 0.0), (1.0, 1.0)]
    constant = [(share, 2 * min(share, 1 - share)) for share in np.linspace(0, 1, COSTS)]
    return [
        (
            "Attacks found at each false-alarm rate (ROC)",
            "Up: the share of attacks found. Dashed: chance.",
            lines_chart(roc, Axis("false-alarm rate", SHARES), up, label="ROC curves", guide=chance),
        ),
        (
            "The same where false alarms are few",
            "A network has many normal flows: a rate of 1 % of 100,000 flows is a thousand alarms a day.",
            lines_chart(low, Axis("false-alarm rate, log scale", decades), up, label="ROC curves, log scale"),
        ),
        (
            "Precision and recall",
            "Up: the share of alarms that are attacks, at the share of attacks in these rows.",
            lines_chart(precisions, Axis("attacks found", SHARES), up, label="Precision-recall curves"),
        ),
        (
            "Expected cost",
            "The lower the better, whatever attacks are to normal flows in number and cost. Dashed: a constant.",
            lines_chart(
                costs, Axis("probability cost of attacks", SHARES), Axis("", half), label="Cost curves", guide=constant
            ),
        ),
    ]  # fmt: skip


def _calibration(first: dict[str, Seeded], colours: dict[str, int | None]) -> list[tuple[str, str, Markup]]:
    series = []
    for title, one in first.items():
        said = probability_of(one)
        if said is not None and colours[title] is not None:
            known = Reliability.of(*said)
            series.append(Series(title, _points(known.said, known.was), colours[title], dots=True))
    if not series:
        return []
    drawn = lines_chart(
        series,
        Axis("probability that was told", SHARES),
        Axis("", SHARES),
        label="Reliability",
        guide=[(0.0, 0.0), (1.0, 1.0)],
    )
    return [("Calibration", "Up: how often it came true, in ten ranges. Dashed: probabilities that hold.", drawn)]


def _thin(x: Values, y: Values) -> Points:
    """At most 240 points of a curve, even in both directions: (n,), (n,)."""
    if len(x) > 2 * POINTS:
        kept = [
            np.searchsorted(np.maximum.accumulate(one), np.linspace(one.min(), one.max(), POINTS)) for one in (x, y)
        ]
        places = np.unique(np.concatenate([*kept, [0, len(x) - 1]]).clip(0, len(x) - 1))
        x, y = x[places], y[places]
    return _points(x, y)


def _points(x: Values, y: Values) -> Points:
    return [(float(one), float(other)) for one, other in zip(x, y, strict=True)]


@dataclass(frozen=True, slots=True)
class _Confusion:
    """A matrix, its cells as shares of the true class: what stands in each, and how dark it is, 0 to 9."""

    row: Row
    part: str
    lines: Sequence[tuple[str, int, list[tuple[str, int]]]]


def _confusions(result: Result) -> list[_Confusion]:
    found = []
    for row in result.rows:
        for name, one in row.parts.items():
            if row.trivial or name not in result.parts[:MOST_PARTS]:
                continue
            lines = []
            for place, counts in enumerate(one.confusion):
                total = sum(counts)
                if total:
                    cells = [(_share(count / total), min(9, int(10 * count / total))) for count in counts]
                    lines.append((result.names[place], round(total), cells))
            found.append(_Confusion(row, name, lines))
    return found


def _share(value: float) -> str:
    if value == 0:
        return ""
    return f"{100 * value:.1f}" if value >= 0.0005 else "< 0.1"
