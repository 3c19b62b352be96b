"""The distribution of scores: held-back normal flows against this source."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import (
    anchor,
    between,
    chart,
    decades,
    element,
    fixed,
    layer,
    percent,
    round_ticks,
    steps,
)
from oddflow.reports.words import number
from oddflow.verdicts.detection import ScoreHistogram, Threshold

_BASE, _HEIGHT = 206.0, 176.0


def scores_chart(histogram: ScoreHistogram, threshold: Threshold) -> Markup:
    """Held-back normal scores against this source's, if there are any, log counts, with the threshold between them."""
    edges = histogram.edges
    bins = min(len(histogram.normal), len(histogram.seen), len(edges) - 1)
    if bins < 1 or not all(math.isfinite(edge) for edge in edges):
        return Markup("")
    most = max(*histogram.normal[:bins], *histogram.seen[:bins], 1)
    cut = _place(threshold.score, edges[: bins + 1])
    return chart(
        _score_axes(edges[: bins + 1], most),
        _score_layer(histogram, bins, most, cut),
        element("line", class_="threshold", x1=percent(cut), x2=percent(cut), y1=4, y2=_BASE),
        element(
            "text",
            f"threshold {number(threshold.score)}",
            x=percent(cut),
            dx=6 if cut < 0.7 else -6,
            y=14,
            text_anchor="start" if cut < 0.7 else "end",
            class_="threshold-words",
        ),
        _score_hits(histogram, bins),
        height=_BASE + 42,
        kind="scores",
        label=f"Scores on log counts: {sum(histogram.normal):,} held-back normal flows"
        + (f" and {sum(histogram.seen):,} flows of this source" if any(histogram.seen) else "")
        + f"; threshold {number(threshold.score)}",
    )


def _height(flows: int, most: int) -> float:
    """One flow must be seen, so that the axis starts a little below 1."""
    return (0.06 + 0.94 * math.log10(flows) / max(math.log10(most), 1)) * _HEIGHT if flows > 0 else 0.0


def _score_axes(edges: Sequence[float], most: int) -> Markup:
    parts = [element("line", class_="zero", x2="100%", y1=_BASE, y2=_BASE)]
    for tick in decades(1, most):
        y = _BASE - _height(round(tick), most)
        parts.append(element("line", class_="grid", x2="100%", y1=y, y2=y))
        parts.append(element("text", f"{tick:,.0f}", x=-8, y=y + 3.5, text_anchor="end", class_="axis"))
    ticks = decades(edges[0], edges[-1]) if _bent(edges) else round_ticks(edges[0], edges[-1], about=8)
    for index, tick in enumerate(ticks):
        at = _place(tick, edges)
        kind = "axis minor" if index % 2 else "axis"
        parts.append(element("line", class_="tick", x1=percent(at), x2=percent(at), y1=_BASE, y2=_BASE + 5))
        parts.append(element("text", number(tick), x=percent(at), y=_BASE + 18, text_anchor=anchor(at), class_=kind))
    parts.append(element("text", "score →", x="100%", y=_BASE + 36, text_anchor="end", class_="axis"))
    return element("g", *parts)


def _bent(edges: Sequence[float]) -> bool:
    """Whether bins widen so much that their axis is read as logarithmic."""
    return edges[0] > 0 and (edges[-1] - edges[-2]) > 3 * (edges[1] - edges[0]) and edges[-1] / edges[0] >= 100


def _place(score: float, edges: Sequence[float]) -> float:
    """Where a score stands when every bin is drawn equally wide."""
    bins = len(edges) - 1
    if not math.isfinite(score) or score >= edges[-1]:
        return 1.0
    for index in range(bins):
        if score < edges[index + 1]:
            return (index + between(max(score, edges[index]), edges[index], edges[index + 1])) / bins
    return 1.0


def _score_layer(histogram: ScoreHistogram, bins: int, most: int, cut: float) -> Markup:
    normal = [_height(flows, most) for flows in histogram.normal[:bins]]
    seen = [_height(flows, most) for flows in histogram.seen[:bins]]
    first = math.floor(cut * bins + 1e-6)
    odd = "".join(
        f"M{fixed(max(index, cut * bins))} {fixed(_HEIGHT)}V{fixed(_HEIGHT - height)}H{index + 1}V{fixed(_HEIGHT)}Z"
        for index, height in enumerate(seen)
        if index >= first and height
    )
    return layer(
        element("path", class_="held", d=steps(normal, _HEIGHT, closed=True)),
        element("path", class_="seen", d=steps(seen, _HEIGHT, closed=True)) if any(seen) else Markup(""),
        element("path", class_="odd", d=odd) if odd else Markup(""),
        y=_BASE - _HEIGHT,
        height=_HEIGHT,
        columns=bins,
    )


def _score_hits(histogram: ScoreHistogram, bins: int) -> Markup:
    hits = []
    for index in range(bins):
        words = (
            f"Score {number(histogram.edges[index])} to {number(histogram.edges[index + 1])}\n"
            f"{histogram.normal[index]:,} held back"
        ) + (f", {histogram.seen[index]:,} here" if any(histogram.seen) else "")
        place = {"x": percent(index / bins), "width": percent(1 / bins)}
        hits.append(
            element(
                "rect",
                element("title", words),
                class_="hit band",
                y=_BASE - _HEIGHT,
                height=_HEIGHT,
                **place,
            )
        )
    return element("g", *hits)
