"""The charts of a search: what each trial was worth, what mattered, and what was left early."""

import math
from collections.abc import Sequence
from itertools import accumulate

from markupsafe import Markup

from oddflow.reports.svg import anchor, between, chart, element, fixed, layer, percent, round_ticks
from oddflow.tuning.pruning import FIRST_FOLD_STEP
from oddflow.tuning.tuned import Tried, Tuned

_HEIGHT, _TOP = 200.0, 8.0
_MOST_DRAWN = 200
_QUARTERS = 4


def _ordinate(value: float, low: float, high: float, height: float = _HEIGHT) -> float:
    return _TOP + (1 - between(value, low, high)) * (height - _TOP)


def _rows(low: float, high: float, height: float = _HEIGHT, *, log: bool = False) -> list[Markup]:
    drawn = []
    for tick in round_ticks(low, high, about=4):
        y = _ordinate(tick, low, high, height)
        words = f"{10**tick:.2g}" if log else f"{tick:.4g}"
        drawn.append(element("line", class_="grid", x2="100%", y1=y, y2=y))
        drawn.append(element("text", words, x=-6, y=y + 3.5, text_anchor="end", class_="axis"))
    return drawn


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.05
    return low - room, high + room


def judged(tuned: Tuned) -> list[Tried]:
    """Trials that have a value."""
    return [trial for trial in tuned.trials if trial.value is not None]


def history(tuned: Tuned) -> Markup:
    """The value of each trial, the best so far as a line, and those that were left early as crosses at the foot."""
    values = [trial.value for trial in tuned.trials if trial.value is not None]
    low, high = _ends(values)
    last = max(trial.number for trial in tuned.trials) or 1
    best = list(accumulate((t.value if t.value is not None else -math.inf for t in tuned.trials), max))
    line = "".join(
        f"{'M' if place == 0 else 'H'}{fixed(x)}" + (f" {fixed(y)}" if place == 0 else f"V{fixed(y)}")
        for place, (x, y) in enumerate(
            (trial.number, _ordinate(value, low, high))
            for trial, value in zip(tuned.trials, best, strict=True)
            if value > -math.inf
        )
    )
    marks = []
    for trial in tuned.trials:
        x = percent(trial.number / last)
        title = element("title", _told(trial))
        if trial.value is None:
            marks.append(element("text", title, "×", x=x, y=_HEIGHT + 3, text_anchor="middle", class_="left"))
        else:
            kind = "best" if trial.value == max(values) else "one"
            marks.append(
                element("circle", title, class_=f"hit {kind}", cx=x, cy=_ordinate(trial.value, low, high), r=4)
            )
    return chart(
        *_rows(low, high),
        layer(element("path", class_="line", d=line), y=0, height=_HEIGHT, columns=last),
        *marks,
        element("line", class_="zero", x2="100%", y1=_HEIGHT, y2=_HEIGHT),
        element("text", "trial 0", x=0, y=_HEIGHT + 20, class_="axis"),
        element("text", f"trial {last}", x="100%", y=_HEIGHT + 20, text_anchor="end", class_="axis"),
        height=_HEIGHT + 26,
        kind="search",
        label=f"{len(values)} values of {tuned.measure} from {min(values):.4f} to {max(values):.4f}, by trial",
    )


def _told(trial: Tried) -> str:
    options = "\n".join(
        f"{option} {word if len(word) < 60 else word[:57] + '…'}" for option, word in trial.options.items()
    )
    value = "left early" if trial.value is None else f"{trial.value:.5f}"
    return f"Trial {trial.number}: {value}\n{options}"


def importances(tuned: Tuned) -> Markup:
    """How much each option explains, as bars."""
    line = 24.0
    most = max(tuned.importances.values(), default=1.0) or 1.0
    bars = []
    for place, (option, share) in enumerate(tuned.importances.items()):
        y = place * line
        bars.append(element("rect", class_="bar", x="22%", y=y + 4, width=percent(0.68 * share / most), height=14))
        bars.append(element("text", option, x=0, y=y + 15, class_="axis"))
        words = f"{100 * share:.0f} %"
        bars.append(element("text", words, x=percent(0.23 + 0.68 * share / most), y=y + 15, class_="axis"))
    height = line * len(tuned.importances)
    return chart(*bars, height=height, kind="search", label="How much of the differences in value each option explains")


class _Axis:
    """Where the values of one option stand, 0 to 1: words side by side, numbers by their logarithm where they span."""

    def __init__(self, option: str, trials: Sequence[Tried]) -> None:
        values = [trial.params[option] for trial in trials if option in trial.params]
        self.option = option
        self.words = sorted({str(value) for value in values}) if any(isinstance(v, str) for v in values) else []
        numbers = [] if self.words else [float(value) for value in values]
        self.log = bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > 10
        bent = [self._bent(number) for number in numbers] or [0.0]
        self._low, self._high = min(bent), max(bent)

    def _bent(self, number: float) -> float:
        return math.log10(number) if self.log else number

    def place(self, trial: Tried) -> float:
        """Of a trial."""
        value = trial.params.get(self.option)
        if self.words:
            return (self.words.index(str(value)) + 0.5) / len(self.words)
        return between(self._bent(float(value or 0.0)), self._low, self._high)

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at both ends."""
        if self.words:
            return self.words[0], self.words[-1]
        low, high = ((10**end if self.log else end) for end in (self._low, self._high))
        return f"{low:.3g}", f"{high:.3g}"


def slices(tuned: Tuned) -> list[tuple[str, Markup]]:
    """For each option, what each of its values was worth."""
    trials = judged(tuned)
    low, high = _ends([trial.value or 0.0 for trial in trials])
    return [(option, _slice(_Axis(option, trials), trials, low, high)) for option in trials[0].params]


def _slice(axis: _Axis, trials: Sequence[Tried], low: float, high: float) -> Markup:
    height = 110.0
    marks = [
        element(
            "circle", element("title", _told(trial)), class_="hit one", r=3.5,
            cx=percent(axis.place(trial)), cy=_ordinate(trial.value or 0.0, low, high, height),
        )
        for trial in trials
    ]  # fmt: skip
    if axis.words:
        names = [
            element("text", word, x=percent(x), y=height + 16, text_anchor=anchor(x, margin=0.2), class_="axis")
            for place, word in enumerate(axis.words)
            if len(axis.words) <= 3 or place in {0, len(axis.words) - 1}
            for x in [(place + 0.5) / len(axis.words)]
        ]
    else:
        names = [
            element("text", axis.ends[0], x=0, y=height + 16, class_="axis"),
            element("text", axis.ends[1], x="100%", y=height + 16, text_anchor="end", class_="axis"),
        ]
    return chart(
        *_rows(low, high, height),
        *marks,
        element("line", class_="zero", x2="100%", y1=height, y2=height),
        *names,
        height=height + 22,
        kind="search",
        label=f"Value by {axis.option}, from {axis.ends[0]} to {axis.ends[1]}",
    )


def parallel(tuned: Tuned) -> Markup:
    """A line for each trial through its options to its value; the best quarter stands out."""
    trials = sorted(judged(tuned), key=lambda trial: trial.value or 0.0)[-_MOST_DRAWN:]
    axes = [_Axis(option, trials) for option in trials[0].params]
    low, high = _ends([trial.value or 0.0 for trial in trials])
    columns = len(axes)
    lines = []
    for place, trial in enumerate(trials):
        heights = [_TOP + (1 - axis.place(trial)) * (_HEIGHT - _TOP) for axis in axes]
        heights.append(_ordinate(trial.value or 0.0, low, high))
        path = "M" + "L".join(f"{column} {fixed(y)}" for column, y in enumerate(heights))
        lines.append(element("path", class_=f"q{1 + place * _QUARTERS // len(trials)}", d=path))
    posts = []
    for column, name in enumerate([*(axis.option for axis in axes), tuned.measure]):
        x = column / columns
        ends = axes[column].ends if column < columns else (f"{low:.3f}", f"{high:.3f}")
        posts.append(element("line", class_="zero", x1=percent(x), x2=percent(x), y1=_TOP, y2=_HEIGHT))
        for words, y in ((ends[1], _TOP - 4), (ends[0], _HEIGHT + 13), (name, _HEIGHT + 30)):
            posts.append(element("text", words, x=percent(x), y=y, text_anchor=anchor(x, margin=0.02), class_="axis"))
    return chart(
        layer(*lines, y=0, height=_HEIGHT, columns=columns),
        *posts,
        height=_HEIGHT + 38,
        kind="search parallel",
        label=f"{len(trials)} trials as lines through {columns} options",
    )


def steps(tuned: Tuned) -> Markup:
    """What was reported on the way: losses by epoch of the first fold, or means by fold; what was cut stands out."""
    lines = [(trial, _epochs(trial)) for trial in tuned.trials[-_MOST_DRAWN:]]
    by_epochs = any(len(line) > 1 for _, line in lines)
    if not by_epochs:
        lines = [(trial, list(trial.steps.values())) for trial in tuned.trials[-_MOST_DRAWN:]]
    lines = [(trial, line) for trial, line in lines if line]
    if not lines or max(len(line) for _, line in lines) < 2:
        return Markup("")
    longest = max(len(line) for _, line in lines) - 1
    low, high = _ends([value for _, line in lines for value in line])
    drawn = []
    for trial, line in lines:
        path = "M" + "L".join(
            f"{step} {fixed(_ordinate(value, low, high))}"
            for step, value in enumerate([*line, line[-1]][: len(line) + (len(line) == 1)])
        )
        drawn.append(
            element("path", element("title", _told(trial)), class_="kept" if trial.value is not None else "cut", d=path)
        )
    return chart(
        *_rows(low, high, log=by_epochs),
        layer(*drawn, y=0, height=_HEIGHT, columns=longest),
        element("line", class_="zero", x2="100%", y1=_HEIGHT, y2=_HEIGHT),
        element("text", "first epoch" if by_epochs else "first fold", x=0, y=_HEIGHT + 18, class_="axis"),
        element("text", f"{longest + 1}", x="100%", y=_HEIGHT + 18, text_anchor="end", class_="axis"),
        height=_HEIGHT + 24,
        kind="search",
        label="Validation loss by epoch" if by_epochs else "Mean value by fold",
    )


def _epochs(trial: Tried) -> list[float]:
    """Logarithms of the losses of the first fold's epochs."""
    losses = [-value for step, value in sorted(trial.steps.items()) if step < FIRST_FOLD_STEP and value <= 0]
    return [math.log10(max(loss, 1e-9)) for loss in losses]
