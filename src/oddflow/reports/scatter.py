"""Points in a square of two log scales: each flow's scores by two models, with both thresholds."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from oddflow.reports.svg import between, chart, decades, element, percent, round_ticks
from oddflow.reports.words import number

HEIGHT = 380.0
MOST_POINTS = 1_500
_TOP, _ROOM = 10.0, 0.04
_FEW_DECADES = 1.5
"""A scale that spans less has too few powers of ten to read by."""

Pairs = NDArray[np.float32]


def scatter_chart(pairs: Pairs, cuts: tuple[float, float], titles: tuple[str, str]) -> Markup:
    """Pairs of scores (m, 2), across and up, with a line at each one's cut; empty where there are none.

    Of many points all that are over a cut are drawn, as far as `MOST_POINTS` reach, and an even share of the others.
    """
    kept = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(kept):
        return Markup("")
    scales = [_Scale.of(kept[:, side], cuts[side]) for side in (0, 1)]
    over = kept >= np.array(cuts, np.float32)
    dots = []
    for place in _drawn(over[:, 0] | over[:, 1]):
        x, y = (scale.place(float(value)) for scale, value in zip(scales, kept[place], strict=True))
        style = {(True, True): "both", (True, False): "old", (False, True): "new"}.get(
            (bool(over[place, 0]), bool(over[place, 1])), "under"
        )
        dots.append(element("circle", class_=f"point {style}", cx=percent(x), cy=_y(y), r=3 if style != "under" else 2))
    return chart(
        *_axes(scales, cuts, titles),
        element("g", *dots),
        height=_TOP + HEIGHT + 46,
        kind="scatter",
        label=f"Scores of {len(kept):,} flows on log scales: across {titles[0]}, threshold {number(cuts[0])}; up "
        f"{titles[1]}, threshold {number(cuts[1])}",
    )


def _drawn(is_over: NDArray[np.bool_]) -> Sequence[int]:
    high, low = np.flatnonzero(is_over), np.flatnonzero(~is_over)
    high = high[np.linspace(0, len(high) - 1, min(len(high), MOST_POINTS * 2 // 3)).astype(np.int64)]
    low = low[np.linspace(0, len(low) - 1, min(len(low), MOST_POINTS - len(high))).astype(np.int64)]
    return [int(place) for place in (*low, *high)]  # what is over lies on top


class _Scale:
    """A log scale; what is not positive stands at its beginning."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = math.log10(low), math.log10(high)
        fine = self._high - self._low < _FEW_DECADES
        ticks = round_ticks(low, high) if fine else decades(low, high)
        self.ticks = [(self.place(tick), number(tick)) for tick in ticks if low <= tick <= high]

    @classmethod
    def of(cls, values: Pairs, cut: float) -> "_Scale":
        positive = values[values > 0]
        ends = [*([float(positive.min()), float(positive.max())] if len(positive) else []), *([cut] if cut > 0 else [])]
        low, high = (min(ends), max(ends)) if ends else (0.1, 1.0)
        # scores far below all others would squeeze the rest into a corner
        return cls(max(low, high * 1e-6), max(high, low * 1.01))

    def place(self, value: float) -> float:
        share = between(math.log10(value), self._low, self._high) if value > 0 else 0.0
        return _ROOM + (1 - 2 * _ROOM) * share


def _axes(scales: Sequence[_Scale], cuts: tuple[float, float], titles: tuple[str, str]) -> list[Markup]:
    bottom = _TOP + HEIGHT
    across, up = scales
    drawn = [
        element("line", class_="zero", x2="100%", y1=bottom, y2=bottom),
        element("line", class_="zero", x1=0, x2=0, y1=_TOP, y2=bottom),
    ]
    for place, text in up.ticks:
        drawn.append(element("line", class_="grid", x2="100%", y1=_y(place), y2=_y(place)))
        drawn.append(element("text", text, x=-6, y=_y(place) + 4, text_anchor="end", class_="axis"))
    for place, text in across.ticks:
        drawn.append(element("line", class_="grid", x1=percent(place), x2=percent(place), y1=_TOP, y2=bottom))
        drawn.append(element("text", text, x=percent(place), y=bottom + 18, text_anchor="middle", class_="axis"))
    x, y = percent(across.place(cuts[0])), _y(up.place(cuts[1]))
    drawn.append(element("line", class_="threshold", x1=x, x2=x, y1=_TOP, y2=bottom))
    drawn.append(element("line", class_="threshold", x2="100%", y1=y, y2=y))
    drawn.append(element("text", titles[0], x="100%", y=bottom + 38, text_anchor="end", class_="axis"))
    drawn.append(element("text", titles[1], x=8, y=_TOP + 12, class_="axis"))
    return drawn


def _y(share: float) -> float:
    return _TOP + HEIGHT * (1 - share)
