"""Puts the rows of a detection in the order in which a policy would look at them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from oddflow.models.policy import SealedPolicy
from oddflow.verdicts.alert import AlertRow
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.triage.candidate import candidate_of
from oddflow.verdicts.triage.shift import FEATURES, UNKNOWN, WINDOW, Shift

USUAL_MINUTES = 60.0
MOST_ROWS = 500
"""So many rows are put in order; each is compared with each. What scores lower follows by its score."""


def load_policy(path: str) -> SealedPolicy:
    """Reads a policy that looks at a shift's actions; raises as `SealedPolicy.load`."""
    return SealedPolicy.load(path, FEATURES)


def in_order(rows: Sequence[AlertRow], policy: SealedPolicy, minutes: float = USUAL_MINUTES) -> list[int]:
    """Places of rows in the order in which a policy would look at them, knowing nothing of what looks find.

    Shifts of so many minutes follow each other until all rows are looked at; what was looked at stays known.
    """
    ranked = sorted(range(len(rows)), key=lambda place: -rows[place].top.score)
    first, rest = ranked[:MOST_ROWS], ranked[MOST_ROWS:]
    shift = Shift([candidate_of(rows[place]) for place in first], minutes, hidden=True)
    while len(shift.window()):
        if shift.is_over:
            shift.left_minutes = max(minutes, float(np.max(shift.cost)))
        seen, allowed = shift.options()
        allowed[WINDOW] = False  # nothing is set aside that nobody has looked at
        action, _ = policy.best(seen, allowed)
        shift.look(action, UNKNOWN)
    return [first[place] for place in shift.looked] + rest


def triaged(detection: Detection, policy: SealedPolicy, minutes: float = USUAL_MINUTES) -> Detection:
    """The same detection with its rows in the policy's order, numbered anew, and incidents by their first row.

    Args:
        detection: Rows ranked by score.
        policy: What orders them.
        minutes: An analyst's shift, more than 0.
    """
    places = in_order(detection.rows, policy, minutes)
    rows = [AlertRow(rank, detection.rows[place].alerts) for rank, place in enumerate(places, start=1)]
    spent = sum(candidate_of(row).minutes for row in rows)
    shifts = math.ceil(spent / minutes)
    told = (
        f"rows are in the order of the triage policy {policy.model.fingerprint}, not of their scores: about "
        f"{spent:,.0f} minutes of looks, {shifts:,} shift{'' if shifts == 1 else 's'} of {minutes:g} minutes"
    )
    truth = detection.truth
    if truth is not None:
        best: dict[str, int] = {}
        for row in rows:
            for alert in row.alerts:
                if alert.truth:
                    best.setdefault(alert.truth, row.rank)
        attacks = tuple(replace(attack, best_rank=best.get(attack.what)) for attack in truth.attacks)
        false = sum(row.top.truth == "" for row in rows[:20])
        truth = replace(truth, attacks=attacks, false_rows_in_first_20=false)
    first: dict[str, int] = {}
    for row in reversed(rows):
        first |= {alert.incident: row.rank for alert in row.alerts}
    incidents = sorted(detection.incidents, key=lambda incident: first.get(incident.id, len(rows) + 1))
    return replace(detection, rows=rows, incidents=incidents, truth=truth, remarks=[*detection.remarks, told])
