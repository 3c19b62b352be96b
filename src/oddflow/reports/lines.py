"""Lines over epochs or values: losses, learning rates, gradients, learning and capacity curves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.fits import Fit, smoothed
from oddflow.reports.svg import anchor, between, chart, decades, element, fixed, layer, percent, round_ticks
from oddflow.reports.words import number

TOP, HEIGHT = 18.0, 220.0
LOG_FROM = 8.0
"""A range that spans more than this is drawn on a log scale."""


@dataclass(frozen=True, slots=True)
class Line:
    """Values over places; `kind` is its class in the style. NaN is a hole."""

    values: Sequence[float]
    kind: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to heights, 0 to 1; on a log scale where they span."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, values: Sequence[float], *, log: bool | None = None) -> "Scale":
        """One that holds all finite values, with a little room; `log` settles what is else seen from them."""
        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        least, most = min(finite), max(finite)
        if log is None:
            log = least > 0 and most / least >= LOG_FROM
        if log:
            least = max(least, most * 1e-12, 1e-300)
            room = 10 ** (0.04 * max(math.log10(max(most, 1e-300) / least), 0.2))
            return cls(least / room, max(most, 1e-300) * room, log=True)
        room = 0.06 * (most - least) or abs(most) or 1.0
        return cls(least - room, most + room, log=False)

    def place(self, value: float) -> float:
        """0 at the bottom, 1 at the top."""
        if not self.log:
            return between(value, self.low, self.high)
        return between(math.log10(max(value, self.low)), math.log10(self.low), math.log10(self.high))

    def ticks(self) -> list[float]:
        """Round values within it; between decades, where it spans few of them."""
        if not self.log:
            return round_ticks(self.low, self.high, about=5)
        found = decades(self.low, self.high)
        if len(found) >= 3:
            return found
        power = 10.0 ** math.floor(math.log10(self.low))
        fine = [step * power * 10**more for more in range(4) for step in (1, 2, 5)]
        return [tick for tick in fine if self.low <= tick <= self.high]


def path(values: Sequence[float], scale: Scale, height: float = HEIGHT) -> str:
    """A line through values that stand 1 apart; holes part it.

    >>> path([1, 3], Scale(1, 3, log=False), 10)
    'M0 10L1 0'
    """
    written, is_open = "", False
    for place, value in enumerate(values):
        if not math.isfinite(value):
            is_open = False
            continue
        written += f"{'L' if is_open else 'M'}{place} {fixed(height * (1 - scale.place(value)))}"
        is_open = True
    return written


def losses_chart(fit: Fit, others: Sequence[Fit] = ()) -> Markup:
    """Both losses, raw thin and smoothed thick, the best epoch marked; validation of other fits faint behind."""
    epochs = len(fit.train)
    lines = [Line(one.validation[:epochs], "ghost") for one in others]
    lines += [Line(fit.train, "train raw"), Line(smoothed(fit.train), "train")]
    if fit.judged:
        lines += [Line(fit.validation, "validation raw"), Line(smoothed(fit.validation), "validation")]
    best = fit.best
    at = best / max(epochs - 1, 1)
    on_left = at > 0.6
    marked = [
        element("line", class_="best", x1=percent(at), x2=percent(at), y1=TOP - 6, y2=TOP + HEIGHT),
        element(
            "text", f"best: epoch {best + 1}" if fit.judged else f"kept: epoch {best + 1}",
            x=percent(at), dx=-6 if on_left else 6, y=TOP - 7, text_anchor="end" if on_left else "start",
            class_="best-words",
        ),
    ]  # fmt: skip

    def told(place: int) -> str:
        words = f"Epoch {place + 1}\ntraining {number(fit.train[place])}"
        words += f"\nvalidation {number(fit.validation[place])}" if fit.judged else ""
        return words + (f"\nlearning rate {number(fit.rates[place])}" if place < len(fit.rates) else "")

    return over_epochs(
        lines, epochs, told, marked=marked,
        label=f"Losses of {epochs} epochs: training from {number(fit.train[0])} to {number(fit.train[-1])}, validation "
        f"from {number(fit.validation[0])} to {number(fit.validation[-1])}, best in epoch {best + 1}",
    )  # fmt: skip


def rates_chart(rates: Sequence[float]) -> Markup:
    """Learning rates on a log scale, or where they never change."""

    def told(place: int) -> str:
        return f"Epoch {place + 1}\nlearning rate {number(rates[place])}"

    label = f"Learning rate of {len(rates)} epochs, from {number(rates[0])} to {number(rates[-1])}"
    return over_epochs([Line(rates, "rate")], len(rates), told, label=label, height=90.0)


def over_epochs(
    lines: Sequence[Line],
    epochs: int,
    told: Callable[[int], str],
    *,
    label: str,
    marked: Sequence[Markup] = (),
    height: float = HEIGHT,
) -> Markup:
    """Lines on one scale over epochs, with a band of each that says its numbers."""
    scale = Scale.of([value for line in lines for value in line.values])
    drawn = [element("path", class_=f"line {line.kind}", d=path(line.values, scale, height)) for line in lines]
    columns = max(epochs - 1, 1)
    return chart(
        *value_axis(scale, height),
        *_epoch_axis(epochs, TOP + height),
        layer(*drawn, y=TOP, height=height, columns=columns),
        *marked,
        *_bands(epochs, told, height),
        height=TOP + height + 40,
        kind="lines",
        label=label + (" (log scale)" if scale.log else ""),
    )


def value_axis(scale: Scale, height: float = HEIGHT) -> list[Markup]:
    """Lines across with their values."""
    parts = []
    for tick in scale.ticks():
        y = TOP + height * (1 - scale.place(tick))
        parts.append(element("line", class_="grid", x2="100%", y1=y, y2=y))
        parts.append(element("text", number(tick), x=-8, y=y + 3.5, text_anchor="end", class_="axis"))
    return parts


def _epoch_axis(epochs: int, base: float) -> list[Markup]:
    parts = [element("line", class_="zero", x2="100%", y1=base, y2=base)]
    ticks = sorted({max(1, round(tick)) for tick in round_ticks(1, epochs, about=8)} | {1, epochs})
    apart = max(1, epochs // 12)
    kept = [tick for tick in ticks if tick in {1, epochs} or min(tick - 1, epochs - tick) >= apart]
    for place, tick in enumerate(kept):
        at = (tick - 1) / max(epochs - 1, 1)
        kind = "axis minor" if place % 2 and tick != epochs else "axis"
        parts.append(element("line", class_="tick", x1=percent(at), x2=percent(at), y1=base, y2=base + 5))
        parts.append(element("text", str(tick), x=percent(at), y=base + 18, text_anchor=anchor(at), class_=kind))
    parts.append(element("text", "epoch →", x="100%", y=base + 36, text_anchor="end", class_="axis"))
    return parts


def _bands(epochs: int, told: Callable[[int], str], height: float) -> list[Markup]:
    width = 1 / max(epochs - 1, 1)
    bands = []
    for place in range(epochs):
        left, right = max(0.0, (place - 0.5) * width), min(1.0, (place + 0.5) * width)
        bands.append(
            element(
                "rect", element("title", told(place)), class_="hit band", x=percent(left), width=percent(right - left),
                y=TOP, height=height,
            )
        )  # fmt: skip
    return bands


def spark(values: Sequence[float], scale: Scale, label: str) -> Markup:
    """A small line without axes, 26 pixels high, on a scale that it may share with others."""
    drawn = element("path", class_="line rate", d=path(values, scale, 22))
    return chart(
        layer(drawn, y=2, height=22, columns=max(len(values) - 1, 1)),
        element("line", class_="grid", x2="100%", y1=25, y2=25),
        height=26,
        kind="lines spark",
        label=label,
    )
