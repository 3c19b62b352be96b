"""Learning as one watches it: live at a terminal, a line now and then elsewhere."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from oddflow.reports.fits import EpochTold, Fit, by_layer
from oddflow.reports.fitting import gradient_warning
from oddflow.reports.words import duration, number

LINE_EVERY_S = 10.0
"""Where nobody watches, a fit that lasts says so this often."""
CURVE_COLUMNS = 48
_BLOCKS = "▁▂▃▄▅▆▇█"


class LearningView:
    """Told of each epoch; shows how the fit goes, anew for each.

    Args:
        console: Where; standard error, since results go to the other one.
        most_epochs: That a fit may have; 0 where that is not known.
        clock: Seconds, never going back.
    """

    def __init__(self, console: Console, most_epochs: int = 0, *, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._most = most_epochs
        self._clock = clock
        self._fits = 0
        self._fit = Fit()
        self._warning = ""
        self._began = self._told_at = self._said_at = clock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Itself; at a terminal the view begins."""
        if self._console.is_terminal:
            self._live = Live(Text("learning …"), console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Says how the last fit ended, and leaves the terminal as it was."""
        if self._live is not None:
            self._live.stop()
        self._say_ended()

    def __call__(self, epoch: EpochTold) -> None:
        """Shows an epoch more."""
        now = self._clock()
        if epoch.number == 0 or not self._fits:
            self._say_ended()
            self._fits += 1
            # the first epoch of a fit began when the fit before it ended, or when the view did
            self._fit, self._began, self._said_at = Fit(most_epochs=self._most), self._told_at, now
        self._fit.add(epoch)
        self._told_at = now
        self._warning = gradient_warning(by_layer(epoch.gradients))
        if self._live is not None:
            self._live.update(self.shown())
        elif now - self._said_at >= LINE_EVERY_S:
            self._said_at = now
            self._say(f"fit {self._fits}, {self._progress()}: {self._losses()}")

    def shown(self) -> RenderableType:
        """All of it: how far, the curves, the numbers, and what to worry about."""
        fit = self._fit
        done = len(fit.train)
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self._most or None, completed=done, width=28, pulse=not self._most)
        head.add_row(f"fit {self._fits}", bar, self._progress(), self._speed(), self._left())
        lines: list[RenderableType] = [head]
        curves = Table.grid(padding=(0, 2))
        low, high = spread([*fit.train, *fit.validation])
        for name, losses, style in (("training", fit.train, "dim"), ("validation", fit.validation, "cyan")):
            curves.add_row(name, Text(sparkline(losses, low, high), style=style), number(losses[-1]))
        lines += [curves, Text(self._best())]
        if self._warning:
            lines.append(Text(f"warning: {self._warning}", style="yellow"))
        return Group(*lines)

    def _progress(self) -> str:
        done = len(self._fit.train)
        return f"epoch {done} of at most {self._most}" if self._most else f"epoch {done}"

    def _seconds(self) -> float:
        """Mean length of an epoch."""
        return (self._told_at - self._began) / max(len(self._fit.train), 1)

    def _speed(self) -> str:
        rows, seconds = self._fit.rows, self._seconds()
        return f"{rows / seconds:,.0f} rows/s" if rows and seconds > 0 else ""

    def _left(self) -> str:
        if not self._most:
            return ""
        left = (self._most - len(self._fit.train)) * self._seconds()
        return f"at most {duration(round(left) * 1_000_000_000)} left" if left >= 0.5 else ""

    def _losses(self) -> str:
        fit = self._fit
        words = f"loss {number(fit.train[-1])}"
        return words + (f", validation {number(fit.validation[-1])}; {self._best()}" if fit.judged else "")

    def _best(self) -> str:
        fit = self._fit
        rate = f"learning rate {number(fit.rates[-1])}"
        if not fit.judged:
            return rate
        return f"best {number(fit.validation[fit.best])} in epoch {fit.best + 1}, {rate}"

    def _say_ended(self) -> None:
        """A line of the fit that ended, where nobody watched it."""
        fit = self._fit
        if self._live is not None or not fit.train:
            return
        took = duration(round((self._told_at - self._began) * 1_000_000_000))
        best = f"; best of epoch {fit.best + 1}: {number(fit.validation[fit.best])}" if fit.judged else ""
        last = f"loss {number(fit.train[-1])}, validation {number(fit.validation[-1])}"
        self._say(f"fit {self._fits}: {len(fit.train)} epochs in {took}, {last}{best}")
        if self._warning:
            self._say(f"fit {self._fits}: {self._warning}")

    def _say(self, words: str) -> None:
        self._console.print(Text(words), soft_wrap=True)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest of the finite ones."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 1.0)


def sparkline(values: Sequence[float], low: float, high: float, columns: int = CURVE_COLUMNS) -> str:
    """Values as blocks between low and high, on a log scale where these span a decade; of many, means of neighbours.

    >>> sparkline([4, 3, 2, 1], 1, 4), sparkline([1, float("nan")], 1, 1)
    ('█▆▃▁', '▁ ')
    """
    if len(values) > columns:
        edges = [round(place * len(values) / columns) for place in range(columns + 1)]
        values = [sum(values[first:last]) / (last - first) for first, last in pairwise(edges)]
    bent = math.log if low > 0 and high / low >= 10 else float
    least, most = bent(low), bent(high)
    drawn = ""
    for value in values:
        if not math.isfinite(value):
            drawn += " "
            continue
        part = (bent(max(value, low)) - least) / (most - least) if most > least else 0.0
        drawn += _BLOCKS[min(len(_BLOCKS) - 1, round(part * (len(_BLOCKS) - 1)))]
    return drawn
