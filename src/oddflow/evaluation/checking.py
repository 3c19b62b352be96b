"""What must come out: expectations of a protocol, and figures that stay within their earlier intervals."""

from collections.abc import Iterator
from dataclasses import dataclass

from oddflow.evaluation.measure import SMALLER_IS_BETTER, Asked
from oddflow.evaluation.protocol import Expectation, Protocol
from oddflow.evaluation.result import Result, Results

SLACK = 1e-4
"""Sums in another order differ by this much on another machine, where an interval has no width."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation, held against what came out.

    Attributes:
        said: In words, with the figure.
        met: Whether it holds.
    """

    said: str
    met: bool


def expected(result: Result) -> list[Checked]:
    """Each expectation of a result's protocol.

    Raises:
        UsageError: One speaks of a part or a measure that the result does not have.
    """
    return [_of(one, result) for one in Protocol.model_validate(result.protocol).expect]


def _of(one: Expectation, result: Result) -> Checked:
    value = result.figure(one.entry, one.part, one.measure).value
    asked = Asked.read(one.measure)
    beyond = ""
    if one.beyond:
        value -= result.figure(one.beyond, one.part, one.measure).value
        beyond = f" more than {one.beyond}"
    bounds = [f"at least {asked.shown(one.least)}"] if one.least is not None else []
    bounds += [f"at most {asked.shown(one.most)}"] if one.most is not None else []
    met = (one.least is None or value >= one.least) and (one.most is None or value <= one.most)
    said = f"{one.entry}, {one.part}: {asked.title} {' and '.join(bounds)}{beyond}"
    return Checked(f"{said} was expected, {asked.shown(value)} came out", met)


def left(now: Results, earlier: Results) -> Iterator[str]:
    """Each figure that left the interval that it had, or is gone, in words; each expectation that is not met.

    A figure that is better than its interval has left it, too: then the earlier results are to be written anew.
    Results of protocols that were not run now are passed over; those of other choices cannot be compared.
    """
    known = {one.name: one for one in earlier.results}
    for result in now.results:
        yield from (f"{result.name}: {one.said}" for one in expected(result) if not one.met)
        if result.name not in known:
            yield f"{result.name}: there is no earlier result of it"
        elif known[result.name].sha256 != result.sha256:
            yield f"{result.name}: the earlier result is of other choices; write it anew"
        else:
            yield from _moved(result, known[result.name])


def _moved(now: Result, earlier: Result) -> Iterator[str]:
    mine = {row.title: row for row in now.rows}
    for row in earlier.rows:
        for name, part in row.parts.items():
            for measure, figure in part.figures.items():
                there = mine.get(row.title)
                found = there.parts[name].figures.get(measure) if there and name in there.parts else None
                place = f"{now.name}: {row.title}, {name}: {Asked.read(measure).title}"
                if found is None:
                    yield f"{place} is gone"
                elif not figure.low - SLACK <= found.value <= figure.high + SLACK:
                    asked = Asked.read(measure)
                    better = (found.value > figure.value) != (asked.measure in SMALLER_IS_BETTER)
                    yield (
                        f"{place} was {asked.shown(figure.value)} ({asked.shown(figure.low)}–"
                        f"{asked.shown(figure.high)}) and is {asked.shown(found.value)}, "
                        f"{'better' if better else 'worse'}"
                    )
