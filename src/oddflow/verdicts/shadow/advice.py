"""Which of two models to keep, and why, in words: rules that anyone can follow by hand.

With a ground truth, a candidate must find each attack that the active model finds, and keep its false alarms within
what the budget allows or what the active model has. Without one, nobody knows which alerts are true: a candidate that
shows all that the active model shows, within the budget, is taken; else a person must look.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from oddflow.amounts import count
from oddflow.verdicts.shadow.comparison import Comparison, Known

FEWEST_FLOWS = 1_000
FEWER_FOUND = 0.8
"""A candidate that shows less of the attacks' flows than this share of what the active one shows is looked at."""
SLOWER = 2.0


class Verdict(StrEnum):
    """What to do."""

    PROMOTE = "promote the candidate"
    LOOK = "look before you promote"
    KEEP = "keep the active model"


@dataclass(frozen=True, slots=True)
class Advice:
    """A verdict, and its reasons in words, the one that decided first."""

    verdict: Verdict
    reasons: tuple[str, ...]


def advise(found: Comparison) -> Advice:
    """What the comparison speaks for."""
    known = found.known
    has_truth = known is not None and bool(known.attacks)
    verdict, reasons = _by_truth(found, known) if known is not None and has_truth else _by_alerts(found)
    if known is not None and not has_truth:
        reasons.append("the ground truth has no attack in this traffic, so nothing is known of what is found")
    if found.candidate.seconds > SLOWER * found.active.seconds > 0:
        times = found.candidate.seconds / found.active.seconds
        reasons.append(f"it takes {times:.1f} times the processor time")
    return Advice(verdict, tuple(reasons))


def most_by_chance(mean: float, level: float = 0.975) -> int:
    """The least number that a Poisson count of this mean passes with a probability of at most 1 − level.

    >>> most_by_chance(0.0), most_by_chance(1.0), most_by_chance(10.0), most_by_chance(1e6)
    (0, 3, 17, 1001960)
    """
    if mean > 500:
        return math.ceil(mean + 1.96 * math.sqrt(mean))
    number, probability = 0, math.exp(-mean)
    total = probability
    while total < level:
        number += 1
        probability *= mean / number
        total += probability
    return number


def _by_truth(found: Comparison, known: Known) -> tuple[Verdict, list[str]]:
    missed = [one.what for one in known.attacks if one.active and not one.candidate]
    new = [one.what for one in known.attacks if one.candidate and not one.active]
    false = f"{count(known.candidate_false, 'false alarm')} against {known.active_false:,}"
    if missed:
        return Verdict.KEEP, [f"the candidate misses {_listed(missed)}, which the active model finds", false]
    allowed = most_by_chance(found.candidate.threshold.expected_false)
    worse = known.candidate_false > most_by_chance(known.active_false)
    if known.candidate_false > allowed and worse:
        return Verdict.KEEP, [f"{false}, and the budget allows {allowed:,} here with chance taken into account"]
    shown, before = (sum(getattr(one, side) for one in known.attacks) for side in ("candidate", "active"))
    if shown < FEWER_FOUND * before:
        return Verdict.LOOK, [f"it shows {shown:,} of the attacks' flows against {before:,}", false]
    if worse:
        return Verdict.LOOK, [f"{false}, which is more than chance explains"]
    more = f", and {_listed(new)} besides" if new else ""
    return Verdict.PROMOTE, [f"it finds every attack that the active model finds{more}", false]


def _by_alerts(found: Comparison) -> tuple[Verdict, list[str]]:
    reasons = []
    if found.flows < FEWEST_FLOWS:
        reasons.append(f"{count(found.flows, 'flow')} are too few to tell; show them {FEWEST_FLOWS:,} or more")
    allowed = most_by_chance(found.candidate.threshold.expected_false)
    if found.candidate.alerts > max(allowed, found.active.alerts):
        reasons.append(
            f"it raises {count(found.candidate.alerts, 'alert')} against {found.active.alerts:,}, and the budget "
            f"allows {allowed:,} false ones here: without a ground truth nobody knows how many are true"
        )
    if found.only_active:
        reasons.append(f"{count(found.only_active, 'alert')} of the active model would not be seen any more")
    if reasons:
        return Verdict.LOOK, reasons
    more = f", and {count(found.only_candidate, 'alert')} besides" if found.only_candidate else ""
    return Verdict.PROMOTE, [f"it shows every flow that the active model shows{more}, within the budget"]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
