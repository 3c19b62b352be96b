"""How grave an incident is: a formula that a person can follow.

points = 100 × (0.30 danger + 0.25 oddness + 0.15 amount + 0.15 spread + 0.15 progress), each part 0 to 1:

- danger: of the likeliest category (`DANGER`), scaled by how likely it is;
- oddness: how far the highest score is over the threshold; 1 at eight times the threshold or more;
- amount: how many alerts; 1 at a thousand or more, by the logarithm;
- spread: how many hosts it reached; 1 at a hundred or more, by the logarithm;
- progress: how many phases of an intrusion were seen (`nature.PHASE`); 1 at three or more.

Words: low below 20 points, medium below 40, high below 60, critical from there on. A single odd flow that no category
is known of gets at most 28: never more than medium.
"""

import math
from collections.abc import Sequence

from oddflow.schema import AttackCategory
from oddflow.verdicts.incidents.incident import Severity
from oddflow.verdicts.incidents.nature import Nature

DANGER = {
    AttackCategory.PROBE: 0.5,
    AttackCategory.POLICY: 0.2,
    AttackCategory.BRUTE_FORCE: 0.7,
    AttackCategory.DOS: 0.7,
    AttackCategory.WEB: 0.7,
    AttackCategory.R2L: 0.8,
    AttackCategory.TUNNEL: 0.9,
    AttackCategory.BOTNET: 0.9,
    AttackCategory.EXFILTRATION: 1.0,
    AttackCategory.U2R: 1.0,
}
UNKNOWN_DANGER = 0.1
WORDS = ((60, Severity.CRITICAL), (40, Severity.HIGH), (20, Severity.MEDIUM), (0, Severity.LOW))


def danger(nature: Nature) -> float:
    """How bad it would be, scaled by how likely it is; 0 to 1."""
    known = DANGER.get(AttackCategory(nature.category), 0.0) if nature.category in set(AttackCategory) else 0.0
    return max(UNKNOWN_DANGER, known * nature.probability)


def points(natures: Sequence[Nature], *, score: float, threshold: float, alerts: int, reached: int) -> int:
    """The points of an incident.

    Args:
        natures: Of its strands.
        score: The highest of its alerts.
        threshold: The score from which on a flow is an alert, above 0.
        alerts: How many.
        reached: How many hosts were targets.

    >>> points([Nature()], score=1.5, threshold=1.5, alerts=1, reached=1)
    3
    >>> points([Nature("probe", 0.8)], score=12.0, threshold=1.5, alerts=1_000, reached=1)
    57
    """
    phases = {nature.phase for nature in natures} - {0}
    parts = (
        0.30 * max(map(danger, natures), default=UNKNOWN_DANGER),
        0.25 * _part(math.log2(max(score / threshold, 1.0)), 3),
        0.15 * _part(math.log10(max(alerts, 1)), 3),
        0.15 * _part(math.log10(max(reached, 1)), 2),
        0.15 * _part(len(phases), 3),
    )
    return round(100 * sum(parts))


def _part(value: float, most: float) -> float:
    return min(1.0, value / most)


def in_a_word(number: int) -> Severity:
    """The word for so many points.

    >>> in_a_word(57).value
    'high'
    """
    return next(word for least, word in WORDS if number >= least)
