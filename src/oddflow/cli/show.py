"""Shows a detection in the terminal."""

import math
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from oddflow.amounts import count
from oddflow.cli import console
from oddflow.cli.incident_table import SHOWN_INCIDENTS, incident_table
from oddflow.cli.tables import alert_table
from oddflow.verdicts.alert import AlertRow
from oddflow.verdicts.detection import AttackOutcome, Detection, TruthSummary

SHOWN_HIDDEN = 20
"""Rows of what feedback hid, unless `--rows` is given."""


def detection(result: Detection, rows: int | None, *, suppressed: bool = False) -> None:
    """The incidents; ranked rows, and what feedback hid, where that is asked for; truth, budget and losses."""
    if result.rows:
        console.out.print(incident_table(result))
        if len(result.incidents) > SHOWN_INCIDENTS:
            console.say(f"{len(result.incidents) - SHOWN_INCIDENTS:,} more incidents; --json and --report have them")
        if rows is not None:
            console.out.print(alert_table(result.rows, rows, truth=result.truth is not None))
        if rows is not None and len(result.rows) > rows:
            console.say(f"{len(result.rows) - rows:,} more rows; --rows shows them, --report has them all")
    else:
        console.out.print("nothing odd: no flow is over the threshold")
    if suppressed and result.hidden_rows:
        console.out.print("\nhidden by feedback")
        console.out.print(alert_table(result.hidden_rows, rows or SHOWN_HIDDEN, truth=result.truth is not None))
    if result.truth:
        _truth(result.truth)
    threshold = result.threshold
    console.say(
        f"{count(result.flows, 'flow')}, {result.alerts:,} over the threshold of {threshold.score:.4g}, "
        f"in {count(len(result.incidents), 'incident')} and {count(len(result.rows), 'row')} (--rows 20 shows them)"
    )
    console.say(f"budget {threshold.budget}: {threshold.promise}")
    for hidden in result.hidden:
        console.say(hidden.text)
    if result.hidden:
        console.say(
            f"feedback hid {count(result.suppressed, 'alert')}"
            + ("" if suppressed else "; --show-suppressed shows them")
        )
    if threshold.expected_between is not None:
        console.say(f"false alarms among so many flows, were all normal{between(threshold.expected_between)}")
    for remark in result.remarks:
        console.say(f"note: {remark}")
    console.show_ledger(result.ledger)


def between(ends: tuple[float, float] | None) -> str:
    """In words, what was expected; nothing where nothing can be said.

    >>> between((2.0, 31.0))
    ', between 2 and 31 expected at 95 %'
    """
    return "" if ends is None else f", between {ends[0]:,.0f} and {ends[1]:,.0f} expected at 95 %"


def _truth(truth: TruthSummary) -> None:
    for attack in truth.attacks:
        if attack.best_rank is None and attack.alerts:
            said = (
                f"found   {attack.what}: {attack.alerts:,} of its {attack.flows:,} flows, below the rows that are kept"
            )
            console.out.print(Text(said, style="green"))
        elif attack.best_rank is None:
            console.out.print(Text(f"missed  {attack.what}: none of its {attack.flows:,} flows", style="red"))
        else:
            console.out.print(
                Text(
                    f"found   {attack.what}: {attack.alerts:,} of its {attack.flows:,} flows, {_where(attack, truth)}",
                    style="green",
                )
            )
    console.out.print(
        f"false   {truth.false_alerts:,} of {truth.benign_flows:,} benign flows{between(truth.false_between)}; "
        f"benign rows among the first 20: {truth.false_rows_in_first_20}"
    )

    if truth.incidents is not None:
        joined = truth.incidents
        console.out.print(
            f"        {count(joined.false, 'false incident')}, {count(joined.split, 'attack')} split, "
            f"{count(joined.merged, 'incident')} of several attacks"
        )


def _where(attack: AttackOutcome, truth: TruthSummary) -> str:
    """Which incident found it, and in which others it lies, too."""
    if truth.incidents is None or not (found := truth.incidents.of_attack.get(attack.what)):
        return f"best row {attack.best_rank}"
    others = f" and {count(len(found) - 1, 'other')}" if len(found) > 1 else ""
    return f"best row {attack.best_rank}, incident {found[0]}{others}"


def _rows(rows: Sequence[AlertRow]) -> list[dict[str, Any]]:
    return [
        {"rank": row.rank, "flows": len(row.alerts), "top": row.top.as_dict(), "ids": [a.id for a in row.alerts]}
        for row in rows
    ]


def as_dict(result: Detection, *, suppressed: bool = False) -> dict[str, Any]:
    """The whole result for --json; with the alerts that feedback hid where that is asked for."""
    truth = result.truth
    return {
        "sources": result.sources,
        "flows": result.flows,
        "threshold": {
            "score": result.threshold.score,
            "budget": result.threshold.budget,
            "promise": result.threshold.promise,
            "expected_false": None if math.isnan(result.threshold.expected_false) else result.threshold.expected_false,
            "expected_between": result.threshold.expected_between,
            "held_back": result.threshold.held_back,
        },
        "incidents": [incident.as_dict() for incident in result.incidents],
        "rows": _rows(result.rows),
        "truth": None
        if truth is None
        else {
            "attacks": [
                {"what": a.what, "flows": a.flows, "alerts": a.alerts, "best_rank": a.best_rank} for a in truth.attacks
            ],
            "benign_flows": truth.benign_flows,
            "false_alerts": truth.false_alerts,
            "false_between": truth.false_between,
            "false_rows_in_first_20": truth.false_rows_in_first_20,
            "joined": truth.joined.as_dict(),
            "incidents": truth.incidents.as_dict() if truth.incidents is not None else None,
        },
        "suppressed": {
            "alerts": result.suppressed,
            "rules": [hidden.as_dict() for hidden in result.hidden],
            **({"rows": _rows(result.hidden_rows)} if suppressed else {}),
        },
        "drift": [drift.as_dict() for drift in result.drifts],
        "ledger": result.ledger.as_dict(),
        "remarks": result.remarks,
    }
