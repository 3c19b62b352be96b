"""The page of one labelled set: what it holds, how its features are spread, and what the leak checks found.

As the report of a detection it is one HTML file that needs nothing else, and all words of the set are hostile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from oddflow.datasets.leaks import Finding, Severity, by_weight
from oddflow.datasets.summary import Spread, Summary
from oddflow.reports import words
from oddflow.reports.payload import data_uri
from oddflow.reports.shell import rendered
from oddflow.reports.spread import class_bar, spread_chart

MOST_CHARTS = 200
MOST_CLASSES = 200
_MARKS = {
    Severity.CLEAN: "found", Severity.NOT_CHECKED: "", Severity.NOTE: "", Severity.WARNING: "warned",
    Severity.SEVERE: "missed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a set beside its rows; empty where nothing is.

    Attributes:
        title: What people call it.
        summary: What it is, in a sentence.
        paper, licence: Where it was published, and on which terms it is offered.
        notes: What one should know before one uses it.
    """

    title: str = ""
    summary: str = ""
    paper: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Drawn:
    spread: Spread
    chart: Markup
    facts: str


def render(
    summary: Summary,
    findings: Sequence[Finding] = (),
    split: str = "",
    *,
    about: About | None = None,
    generated: datetime | None = None,
) -> str:
    """The page as HTML: a pure function of what is given and the time of generation.

    Args:
        summary: What the set holds.
        findings: Of the leak checks; empty where there was no split.
        split: Its name.
        about: What is known of the set.
        generated: When the page was made; now if None.
    """
    most = max((one.rows for one in summary.classes), default=1)
    return rendered(
        "dataset.html",
        generated=generated,
        summary=summary,
        about=about or About(),
        split=split,
        findings=by_weight(findings),
        grave=sum(one.severity in {Severity.WARNING, Severity.SEVERE} for one in findings),
        marks={severity.value: mark for severity, mark in _MARKS.items()},
        classes=[(one, class_bar(one.label.category.value == "normal", one.rows, most)) for one in summary.classes],
        most_classes=MOST_CLASSES,
        pictures=[
            (one.label.name, data_uri(picture))
            for one, picture in zip(summary.classes, summary.pictures, strict=bool(summary.pictures))
        ],
        missing=[spread for spread in summary.spreads if spread.missing],
        drawn=[_Drawn(spread, spread_chart(spread), _facts(spread)) for spread in _charted(summary)],
        span=_span(summary),
    )


def _charted(summary: Summary) -> Sequence[Spread]:
    """Features that are drawn; single pixels say nothing."""
    return () if summary.pictures else summary.spreads[:MOST_CHARTS]


def _facts(spread: Spread) -> str:
    if spread.words:
        return words.count(spread.distinct, "value")
    if not spread.quantiles:
        return "no value at all"
    if spread.distinct == 1:
        return f"always {words.measured(spread.quantiles[0], spread.feature.unit)}"
    unit = "s" if spread.feature.unit == "s" else ""  # others stand beside the name
    low, middle, high = (words.measured(value, unit) for value in spread.quantiles[1:6:2])
    return f"median {middle}; 90 % from {low} to {high}"


def _span(summary: Summary) -> str:
    if summary.span_ns is None:
        return ""
    start, end = map(words.moment, summary.span_ns)
    return f"{start} to {end} UTC"
