"""Sources as pages show them: where what came in went, how fast, how late, how odd."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.amounts import size
from oddflow.reports.words import UNKNOWN, count, number, share
from oddflow.server.status import LATENCY_BOUNDS_S, SCORE_SHARES, SourceStatus, State
from oddflow.server.web.drawing.balance import Part, balance_bar
from oddflow.server.web.drawing.buckets import buckets_chart
from oddflow.server.web.drawing.courses import Course, courses_chart

MINUTE_S = 60
SILENT_S = 30.0
SPANS: dict[str, tuple[str, int, int]] = {
    "1h": ("hour", 3_600, MINUTE_S),
    "24h": ("day", 86_400, 15 * MINUTE_S),
    "7d": ("week", 7 * 86_400, 120 * MINUTE_S),
}
"""By the value of ?span=: in words, how long, and how long a step is, in seconds."""
MEASURES = ("packets", "bytes", "flows", "judged", "alerts", "lost", "shed", "latency_p99_s")
CHIPS = {
    State.RUNNING: "good",
    State.STARTING: "",
    State.STOPPING: "",
    State.DEGRADED: "warn",
    State.DOWN: "bad",
}
"""How a state is coloured."""

Points = Iterable[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Rates:
    """Charts of a source over time; each empty where nothing is known."""

    packets: Markup
    bits: Markup
    flows: Markup
    alerts: Markup
    late: Markup
    missing: Markup

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any((self.packets, self.bits, self.flows, self.alerts, self.late, self.missing))


def rates(found: Mapping[str, Points], since_s: int, span: str, unit: str) -> Rates:
    """Charts of what the store measured.

    Args:
        found: By the measure's name: times in seconds since 1970 and values; counters are increments of a step.
        since_s: Where the first step begins.
        span: A key of `SPANS`.
        unit: Of what comes in: packets, or records.
    """
    _, length_s, step_s = SPANS[span]
    steps = length_s // step_s

    def course(name: str, called: str, colour: int = 0, *, by: float = 1 / step_s) -> Course:
        return Course(called, on_grid(found.get(name, ()), since_s, step_s, steps, by=by), colour)

    def drawn(*courses: Course, label: str, say: object = number) -> Markup:
        return courses_chart(courses, since_s, step_s, label=label, say=say)  # type: ignore[arg-type]

    each = "minute" if step_s == MINUTE_S else f"{step_s // MINUTE_S} minutes"
    return Rates(
        packets=drawn(course("packets", f"{unit} a second"), label=f"{unit} a second".capitalize()),
        bits=drawn(course("bytes", "bits a second", by=8 / step_s), label="Bits a second", say=bits),
        flows=drawn(
            course("flows", "flows a second", 1), course("judged", "judged a second"),
            label="Flows and verdicts a second",
        ),
        alerts=drawn(course("alerts", f"alerts each {each}", 4, by=1), label=f"Alerts each {each}"),
        late=drawn(course("latency_p99_s", "99 of 100 within", by=1), label="Time to the verdict", say=span_words),
        missing=drawn(
            course("lost", f"lost {unit} each {each}", 4, by=1), course("shed", f"left out each {each}", 1, by=1),
            label="Lost and left out",
        ),
    )  # fmt: skip


def on_grid(points: Points, since_s: int, step_s: int, steps: int, *, by: float = 1.0) -> list[float | None]:
    """Values in their steps, each times `by`; None where there is none.

    >>> on_grid([(120.0, 6.0)], 60, 60, 3, by=0.5)
    [None, 3.0, None]
    """
    found: list[float | None] = [None] * steps
    for at_s, value in points:
        place = int((at_s - since_s) // step_s)
        if 0 <= place < steps and math.isfinite(value):
            found[place] = (found[place] or 0.0) + value * by
    return found


def bits(value: float) -> str:
    """Bits a second with their unit.

    >>> bits(1_250_000), bits(0)
    ('1.2 Mbit', '0 bit')
    """
    return size(value).replace("B", "bit").replace("K", "k")


def span_words(seconds: float) -> str:
    """A short time: seconds, or less of them.

    >>> span_words(0.25), span_words(0), span_words(12.0)
    ('250 ms', '0', '12 s')
    """
    if not seconds:
        return "0"
    return f"{seconds * 1_000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def balance(source: SourceStatus) -> Markup:
    """What came in as one bar: metered, and lost by reason."""
    lost = sorted(source.lost.items(), key=lambda one: -one[1])
    return balance_bar(
        [Part("metered into flows", source.metered), *(Part(f"lost: {why}", many, "lost") for why, many in lost)],
        source.unit,
    )


def came_in(source: SourceStatus) -> int:
    """All that came in: what was metered, and what was lost."""
    return max(source.packets, source.metered + sum(source.lost.values()))


def latency(source: SourceStatus) -> Markup:
    """How long verdicts took."""
    return buckets_chart(
        _padded(source.latency, len(LATENCY_BOUNDS_S) + 1),
        [span_words(bound) for bound in LATENCY_BOUNDS_S],
        label="Time from a flow's record to its stored verdict",
        unit="flows",
    )


def scores(source: SourceStatus) -> Markup:
    """How odd flows are, in shares of the threshold."""
    return buckets_chart(
        _padded(source.scores, len(SCORE_SHARES) + 1),
        [f"{bound:g} ×" for bound in SCORE_SHARES],
        label="Scores as multiples of the threshold",
        unit="flows",
        cut=SCORE_SHARES.index(1.0) + 1,
        cut_words=f"threshold {number(source.threshold)}",
    )


def within(counts: Sequence[int], part: float = 0.99) -> str:
    """The bound under which such a part of all verdicts came.

    >>> within([98, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    '100 ms'
    """
    total, so_far = sum(counts), 0
    if not total:
        return UNKNOWN
    for bound, here in zip(LATENCY_BOUNDS_S, counts, strict=False):
        so_far += here
        if so_far >= part * total:
            return span_words(bound)
    return f"over {span_words(LATENCY_BOUNDS_S[-1])}"


def sentence(source: SourceStatus) -> str:
    """How a source is doing, in one sentence."""
    if source.state is State.DOWN:
        return "It is down: nothing comes in."
    total = came_in(source)
    if not total:
        return f"Nothing has come in yet: no {source.unit} on {source.where or 'it'}."
    lost = total - source.metered
    kept = "all of them metered" if not lost else f"{share(source.metered, total)} of them metered"
    judged = (
        f"{count(source.judged, 'flow')} judged" if source.model else f"{count(source.flows, 'flow')} kept, none judged"
    )
    return f"{total:,} {source.unit} came in, {kept}; {judged}, {count(source.alerts, 'alert')}."


def is_silent(told_s: float, *, now_s: float | None = None) -> bool:
    """Whether a process has said nothing for so long that it may hang.

    >>> is_silent(100.0, now_s=105.0), is_silent(100.0, now_s=200.0)
    (False, True)
    """
    return told_s > 0 and (time.time() if now_s is None else now_s) - told_s > SILENT_S


def _padded(counts: Sequence[int], length: int) -> list[int]:
    return [*counts[:length], *[0] * (length - len(counts))]
