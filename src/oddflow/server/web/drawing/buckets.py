"""Counts by buckets: latencies, scores."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import chart, element, percent
from oddflow.reports.words import share

_TOP, _BASE = 18.0, 96.0


def buckets_chart(
    counts: Sequence[int], edges: Sequence[str], *, label: str, unit: str, cut: int | None = None, cut_words: str = ""
) -> Markup:
    """A bar a bucket, as high as the logarithm of its count; empty where there is nothing in any.

    Args:
        counts: (n,).
        edges: What stands between buckets, (n - 1,).
        label: What is counted, for those who do not see it.
        unit: What is counted, as a word in the plural.
        cut: The number of the first bucket that is beyond; those are alarms.
        cut_words: What stands at that place.
    """
    total, wide = sum(counts), len(counts)
    if not total or len(edges) != wide - 1:
        return Markup("")
    most = math.log1p(max(counts))
    drawn = [element("line", class_="zero", x2="100%", y1=_BASE, y2=_BASE)]
    for place, here in enumerate(counts):
        height = (_BASE - _TOP) * math.log1p(here) / most
        is_over = cut is not None and place >= cut
        words = f"{_between(edges, place)}\n{here:,} {unit}, {share(here, total)}"
        drawn.append(
            element(
                "rect", class_="bar over" if is_over else "bar", x=percent((place + 0.08) / wide),
                width=percent(0.84 / wide), y=_BASE - height, height=height,
            )
        )  # fmt: skip
        drawn.append(
            element(
                "rect", element("title", words), class_="hit band", x=percent(place / wide), width=percent(1 / wide),
                y=_TOP, height=_BASE - _TOP,
            )
        )  # fmt: skip
    for place, edge in enumerate(edges, 1):
        kind = "axis minor" if place % 2 == 0 else "axis"
        drawn.append(element("text", edge, x=percent(place / wide), y=_BASE + 16, text_anchor="middle", class_=kind))
    if cut is not None:
        at = percent(cut / wide)
        drawn.append(element("line", class_="threshold", x1=at, x2=at, y1=_TOP - 8, y2=_BASE))
        drawn.append(element("text", cut_words, x=at, dx=-6, y=_TOP - 4, text_anchor="end", class_="threshold-words"))
    return chart(*drawn, height=_BASE + 20, kind="buckets", label=f"{label}, {total:,} {unit}, on a log scale")


def _between(edges: Sequence[str], place: int) -> str:
    if place == 0:
        return f"up to {edges[0]}"
    return f"over {edges[-1]}" if place == len(edges) else f"{edges[place - 1]} to {edges[place]}"
