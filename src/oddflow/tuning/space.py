"""Where options are looked for: a range or a list of words for each, from what a detector says of itself."""

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.models.numbers import Scaling
from oddflow.training.pace import Clipping, Course

if TYPE_CHECKING:
    from optuna.trial import Trial

LEFT = frozenset({
    "features", "seed", "told", "epochs", "patience", "pretraining", "encoding", "most_rows", "map_rows", "least_rows",
    "l1", "initialiser", "categories", "buckets", "embedding", "descent", *registry.PACE,
})  # fmt: skip
"""What is not varied unless asked for: more epochs only cost time, and stopping early ends them; the rest says how
rows are read, or how much is done with them."""

WIDEST = 4.0
"""A number above 0 is looked for between a quarter of what it usually is and four times that, on a log scale."""

_RANGES: Mapping[str, str] = {
    "learning_rate": "2e-4..2e-2:log",
    "batch_rows": "32|64|128|256|512",
    "dropout": "0..0.5",
    "recurrent_dropout": "0..0.5",
    "l1": "0..1e-4",
    "l2": "0..1e-3",
    "sparse": "0..1",
    "noise": "0.01..1:log",
    "scaling": "|".join(Scaling),
    "schedule": "|".join(Course),
    "clip": "0..10",
    "clipping": "|".join(Clipping),
    "variance": "0.5..0.99",
    "core": "0.5..1",
    "drift": "0.1..2:log",
    "nu": "0.005..0.3:log",
    "prior": "0.1..100:log",
    "floor": "1e-3..1:log",
    "smoothing": "0..0.3",
    "unseen": "1e-3..10:log",
    "penalty": "0.01..100:log",
    "cost": "0.01..1000:log",
}
"""By option; what is not here follows from its default and its limits."""

_OWN: Mapping[str, Mapping[str, str]] = {
    "isolation-forest": {"columns": "0.1..1", "samples": "32..4096:log"},
    "nearest-neighbours": {"measure": "farthest|mean|lof", "neighbours": "1..64:log"},
    "ensemble": {
        "combination": "rank|probability",
        "members": "isolation-forest,nearest-neighbours,robust-pca|histograms,robust-pca|isolation-forest,robust-pca|"
        "gaussian-mixture,isolation-forest,robust-pca|k-means,principal-components,robust-pca",
    },
    "hybrid": {
        "classifier": "feed-forward-network|random-forest|gradient-boosting",
        "oddness": "variational-autoencoder|one-class-svm|principal-components|bayesian-network",
        "rate": "0.001..0.2:log",
    },
    "pyod": {"model": "ECOD|COPOD|HBOS|IForest|KNN|GMM|PCA|MCD"},
    "kitnet": {"learning_rate": "0.01..1:log", "hidden_ratio": "0.25..1"},
    "naive-bayes": {"smoothing": "1e-6..0.5:log"},
    "decision-tree": {"leaf": "1..200:log"},
    "random-forest": {"leaf": "1..50:log", "leaves": "128..8192:log"},
    "k-means": {"clusters": "2..256:log"},
    "gaussian-mixture": {"components": "1..16:log"},
    "bayesian-network": {"bins": "4..64:log"},
    "entropy": {"bins": "4..64:log"},
    "histograms": {"bins": "4..128:log"},
}

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Dimension:
    """Where one option is looked for: either in words, or between two numbers.

    Attributes:
        option: Its name.
        words: What it may be, as a person would write it; empty for a number.
        low, high: The least and the greatest.
        whole: Whether it has no fraction.
        log: Whether small numbers are looked at as closely as great ones.
    """

    option: str
    words: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False

    def drawn(self, trial: "Trial") -> str:
        """What a trial takes for it, as a person would write it."""
        if self.words:
            return str(trial.suggest_categorical(self.option, self.words))
        if self.whole:
            return str(trial.suggest_int(self.option, int(self.low), int(self.high), log=self.log))
        # four digits are all that a person would want to type again
        return f"{trial.suggest_float(self.option, self.low, self.high, log=self.log):.4g}"

    def holds(self, value: Any) -> bool:
        """Whether a trial could take that value."""
        if self.words:
            return str(value) in self.words
        return isinstance(value, int | float) and self.low <= value <= self.high

    def grid(self, points: int = 4) -> list[Any]:
        """A few values, evenly over it."""
        if self.words:
            return list(self.words)
        ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        steps = [ends[0] + (ends[1] - ends[0]) * place / (points - 1) for place in range(points)]
        values = [min(self.high, max(self.low, math.exp(step) if self.log else step)) for step in steps]
        return sorted({round(value) for value in values}) if self.whole else values

    def __str__(self) -> str:
        """As `--vary` takes it."""
        if self.words:
            return f"{self.option}={'|'.join(self.words)}"
        return f"{self.option}={self.low:g}..{self.high:g}{':log' if self.log else ''}"


def space_of(kind: type[Detector], fixed: Mapping[str, Any], vary: Sequence[str] = ()) -> list[Dimension]:
    """What is varied of a detector: what is usual for it, but for what is fixed, and what a person wants beside.

    Args:
        kind: The detector.
        fixed: Options that are told.
        vary: "OPTION=1..64", "OPTION=1e-4..1e-1:log", "OPTION=relu|tanh", or "OPTION" alone for its usual range.

    Raises:
        UsageError: It has no such option, a range is none, or an option is both told and varied.
    """
    wanted = dict(_told(kind, text) for text in vary)
    both = next((option for option in wanted if option in fixed), None)
    if both:
        raise UsageError(f"{both} is both told and varied; leave one of them out")
    usual = [option for option in _varied(kind) if option not in LEFT or option in wanted]
    options = [option for option in usual if option not in fixed]
    found = (_dimension(kind, option, wanted.get(option) or _usual(kind, option)) for option in options)
    return [one for one in found if one is not None]


def default_of(kind: type[Detector], option: str) -> Any:
    """What an option is unless told otherwise, as a trial would take it: words of several parts as one."""
    default = _varied(kind)[option]
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else default


def _varied(kind: type[Detector]) -> dict[str, Any]:
    """Options and their defaults, in the detector's order."""
    own = {
        option: parameter.default
        for option, parameter in inspect.signature(kind).parameters.items()
        if option not in {"features", "seed", "told"}
    }
    # trees ask one column at a time: how it is scaled says nothing to them
    asked = kind.encodes and kind.reads == "tabular"
    shared = {option: getattr(kind.shown_by, option) for option in registry.ENCODING} if asked else {}
    if "schedule" in registry.options(kind):
        shared |= {option: getattr(kind.paced_by, option) for option in registry.PACE}
    return own | {option: value for option, value in shared.items() if option not in own}


def _told(kind: type[Detector], text: str) -> tuple[str, str]:
    option, _, given = text.partition("=")
    if option not in _varied(kind):
        raise UsageError(f"{kind.name} has no option {option!r} to vary; it has {', '.join(_varied(kind))}")
    return option, given


def _usual(kind: type[Detector], option: str) -> str:
    default = _varied(kind)[option]
    said = _OWN.get(kind.name, {}).get(option) or ("" if option in kind.choices else _RANGES.get(option, ""))
    if said:
        return said
    if option in kind.choices:
        return "|".join(kind.choices[option])
    if isinstance(default, bool):
        return "false|true"
    if isinstance(default, tuple):
        return "|".join(_shapes(default)) if all(isinstance(width, int) for width in default) else ""
    return _around(default, *kind.limits.get(option, (0.0, 0.0))) if isinstance(default, int | float) else ""


def _around(default: float, least: float, greatest: float) -> str:
    if default == 0 or least == greatest:
        return ""
    low, high = max(least, default / WIDEST), min(greatest, default * WIDEST)
    if isinstance(default, int):
        low, high = math.ceil(low), math.floor(high)
    return f"{low:g}..{high:g}" + (":log" if low > 0 else "")


def _shapes(default: tuple[int, ...]) -> list[str]:
    """Narrower and wider layers, one less and one more of them; what is usual first."""
    wide = [tuple(max(1, round(width * factor)) for width in default) for factor in (1, 0.5, 2, 4)]
    fewer = [default[-1:]] if len(default) > 1 else []
    more = [(2 * default[0], *default)]
    return list(dict.fromkeys(",".join(map(str, shape)) for shape in (*wide, *fewer, *more)))


def _dimension(kind: type[Detector], option: str, text: str) -> Dimension | None:
    """A range as it was written; None where there is nothing to vary."""
    default = _varied(kind)[option]
    if not text:
        return None
    span, _, scale = text.partition(":")
    low, dots, high = span.partition("..")
    if not dots:
        words = tuple(text.split("|"))
        for word in words:
            registry.parsed(kind.name, [f"{option}={word}"])
        return Dimension(option, words)
    ends = [_number(kind, option, end, text) for end in (low, high)]
    if isinstance(default, bool | str | tuple) or scale not in {"", "log"} or not ends[0] < ends[1]:
        raise _wrong(kind, option, text)
    if scale == "log" and ends[0] <= 0:
        raise UsageError(f"{option} of {kind.name} cannot be varied from {low} by its logarithm; begin above 0")
    _check_limits(kind, option, ends)
    return Dimension(option, (), ends[0], ends[1], isinstance(default, int), scale == "log")


def _number(kind: type[Detector], option: str, text: str, whole: str) -> float:
    if not _NUMBER.match(text):
        raise _wrong(kind, option, whole)
    return float(text)


def _wrong(kind: type[Detector], option: str, text: str) -> UsageError:
    return UsageError(
        f"{option} of {kind.name} cannot be varied over {text!r}; write a range of numbers like 1..64 or "
        "1e-4..1e-1:log, or words like relu|tanh"
    )


def _check_limits(kind: type[Detector], option: str, ends: Sequence[float]) -> None:
    least, greatest = kind.limits.get(option, (-math.inf, math.inf))
    if ends[0] < least or ends[1] > greatest:
        raise UsageError(
            f"{option} of {kind.name} must be from {least:g} to {greatest:g}; {ends[0]:g}..{ends[1]:g} given"
        )


def options_of(kind: type[Detector], words: Mapping[str, str]) -> dict[str, Any]:
    """What a trial took, as the detector takes it."""
    return registry.parsed(kind.name, [f"{option}={word}" for option, word in words.items()])
