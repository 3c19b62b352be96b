"""The page of a learning or a capacity curve: one HTML file that needs nothing else."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from oddflow.reports.lines import HEIGHT, TOP, Line, Scale, value_axis
from oddflow.reports.shell import rendered
from oddflow.reports.svg import anchor, between, chart, element, fixed, layer, percent
from oddflow.reports.trials import Curve, Point, told
from oddflow.reports.words import number

COLUMNS = 1_000.0
_EDGE = 0.03


def render(curve: Curve, *, generated: datetime | None = None) -> str:
    """The page as HTML: a pure function of the curve and the time of generation."""
    points = curve.points()
    said = told(curve)
    return rendered(
        "curves.html",
        generated=generated,
        curve=curve,
        is_rows=curve.varied == "rows",
        points=points,
        said=said,
        seeds=len({trial.seed for trial in curve.trials}),
        headline=said[0] if said else "",
        losses=points_chart(curve, points, area=False),
        areas=points_chart(curve, points, area=True) if curve.attacks else "",
    )


def points_chart(curve: Curve, points: Sequence[Point], *, area: bool) -> Markup:
    """Means over the values, every seed a dot; losses of both kinds of rows, or areas under the ROC curve."""
    places = _places(curve, points)
    of_value = dict(zip([point.value for point in points], places, strict=True))
    dots = [
        (of_value[trial.value], value, kind)
        for trial in curve.trials
        for value, kind in _values(curve, trial_values=(trial.train_loss, trial.validation_loss, trial.train_score,
                                                        trial.validation_score, trial.validation_area), area=area)
    ]  # fmt: skip
    if area:
        lines = [Line([point.validation_area for point in points], "validation")]
    else:
        lines = [
            Line([point.train for point in points], "train"),
            Line([point.validation for point in points], "validation"),
        ]
    scale = Scale.of([value for _, value, _ in dots], log=False if area else None)
    drawn = [element("path", class_=f"line {line.kind}", d=_path(places, line.values, scale)) for line in lines]
    what = "area under the ROC curve" if area else f"{curve.measure} of training and validation rows"
    return chart(
        *value_axis(scale),
        *_axis(curve, points, places),
        layer(*drawn, y=TOP, height=HEIGHT, columns=COLUMNS),
        *(
            element("circle", class_=f"point {kind}", cx=percent(at), cy=TOP + HEIGHT * (1 - scale.place(value)), r=3)
            for at, value, kind in dots
            if math.isfinite(value)
        ),
        *_hits(points, places, area=area),
        height=TOP + HEIGHT + 40,
        kind="lines",
        label=f"The {what} for {len(points)} values of {curve.varied}, from {points[0].value} to {points[-1].value}"
        + (" (log scale)" if scale.log else ""),
    )


def _values(curve: Curve, *, trial_values: tuple[float, ...], area: bool) -> list[tuple[float, str]]:
    train_loss, validation_loss, train_score, validation_score, validation_area = trial_values
    if area:
        return [(validation_area, "validation")]
    if curve.measure == "loss":
        return [(train_loss, "train"), (validation_loss, "validation")]
    return [(train_score, "train"), (validation_score, "validation")]


def _places(curve: Curve, points: Sequence[Point]) -> list[float]:
    """Where values stand, 0 to 1: rows on a log scale, others side by side."""
    if curve.varied == "rows":
        ends = math.log(points[0].rows), math.log(points[-1].rows)
        found = [between(math.log(point.rows), *ends) for point in points]
    else:
        found = [place / max(len(points) - 1, 1) for place in range(len(points))]
    return [_EDGE + (1 - 2 * _EDGE) * place for place in found]


def _path(places: Sequence[float], values: Sequence[float], scale: Scale) -> str:
    corners = [
        f"{fixed(COLUMNS * at)} {fixed(HEIGHT * (1 - scale.place(value)))}"
        for at, value in zip(places, values, strict=True)
        if math.isfinite(value)
    ]
    return "M" + "L".join(corners) if corners else "M0 0"


def _axis(curve: Curve, points: Sequence[Point], places: Sequence[float]) -> list[Markup]:
    base = TOP + HEIGHT
    parts = [element("line", class_="zero", x2="100%", y1=base, y2=base)]
    longest = max(len(point.value) for point in points)
    last = -1.0
    for point, at in zip(points, places, strict=True):
        parts.append(element("line", class_="tick", x1=percent(at), x2=percent(at), y1=base, y2=base + 5))
        kind = "axis" if at - last >= 0.028 * longest or at == places[-1] else "axis minor"
        last = at if kind == "axis" else last
        parts.append(
            element("text", point.value, x=percent(at), y=base + 18, text_anchor=anchor(at, 0.02), class_=kind)
        )
    parts.append(element("text", f"{curve.varied} →", x="100%", y=base + 36, text_anchor="end", class_="axis"))
    return parts


def _hits(points: Sequence[Point], places: Sequence[float], *, area: bool) -> list[Markup]:
    edges = [0.0, *((one + other) / 2 for one, other in pairwise(places)), 1.0]
    bands = []
    for place, point in enumerate(points):
        words = f"{point.value}\n"
        words += (
            f"AUC {number(point.validation_area)}"
            if area
            else f"training {number(point.train)}\nvalidation {number(point.validation)}"
        )
        bands.append(
            element(
                "rect",
                element("title", words),
                class_="hit band",
                x=percent(edges[place]),
                width=percent(edges[place + 1] - edges[place]),
                y=TOP,
                height=HEIGHT,
            )
        )
    return bands
