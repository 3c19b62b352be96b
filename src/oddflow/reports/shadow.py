"""The page of two models on the same traffic; all words of the traffic and of models are hostile."""

import math
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from oddflow.amounts import size
from oddflow.reports.scatter import scatter_chart
from oddflow.reports.shell import rendered
from oddflow.reports.svg import chart, element, percent
from oddflow.reports.words import count, number
from oddflow.verdicts.shadow.advice import Advice, Verdict, most_by_chance
from oddflow.verdicts.shadow.comparison import Comparison, Side

MARKS = {Verdict.PROMOTE: "found", Verdict.LOOK: "warned", Verdict.KEEP: "missed"}


def render(found: Comparison, advice: Advice, *, generated: datetime | None = None) -> str:
    """The page as HTML: a pure function of what is given and the time of generation."""
    return rendered(
        "shadow.html",
        generated=generated,
        more_style="shadow.css",
        found=found,
        advice=advice,
        mark=MARKS[advice.verdict],
        facts=facts(found),
        shares=_shares((found.only_active, found.both, found.only_candidate)),
        scatter=scatter_chart(
            found.sample,
            (found.active.threshold.score, found.candidate.threshold.score),
            (f"score of {found.active.called} →", f"score of {found.candidate.called} ↑"),
        ),
        correlation="none: one of the scores is constant"
        if math.isnan(found.correlation)
        else number(found.correlation),
        sampled=len(found.sample),
        told=[
            ("Only the active model", found.lost, found.only_active),
            ("Only the candidate", found.gained, found.only_candidate),
        ],
    )


def facts(found: Comparison) -> list[tuple[str, str, str]]:
    """Both side by side: a name, the active model's and the candidate's."""

    def kept(side: Side) -> str:
        expected = side.threshold.expected_false
        return f"{expected:,.1f}; by chance up to {most_by_chance(expected):,}" if expected >= 0 else "nothing is known"

    sides = (found.active, found.candidate)
    rows = [
        ("model", *(side.called for side in sides)),
        ("detector", *(side.detector for side in sides)),
        ("fingerprint", *(side.fingerprint for side in sides)),
        (f"alerts of {count(found.flows, 'flow')}", *(f"{side.alerts:,}" for side in sides)),
        ("false alarms expected", *(kept(side) for side in sides)),
    ]
    if found.known:
        known = found.known
        benign = count(known.benign_flows, "benign flow")
        rows.append((f"false alarms of {benign}", f"{known.active_false:,}", f"{known.candidate_false:,}"))
        caught = (sum(bool(one.active) for one in known.attacks), sum(bool(one.candidate) for one in known.attacks))
        rows.append((f"found of {count(len(known.attacks), 'attack')}", *(f"{one:,}" for one in caught)))
    rows += [
        ("threshold", *(number(side.threshold.score) for side in sides)),
        ("flows a CPU-second", *(f"{side.flows_per_s(found.flows):,.0f}" for side in sides)),
        ("parts", *(size(side.file_bytes) for side in sides)),
        ("memory to load and score", *(size(side.memory_bytes) for side in sides)),
    ]
    return [(name, first, second) for name, first, second in rows]


def _shares(counts: Sequence[int]) -> Markup:
    """Alerts of one, of both and of the other as parts of one bar."""
    total = sum(counts)
    if not total:
        return Markup("")
    bars, at = [], 0.0
    for style, number_of in zip(("old", "both", "new"), counts, strict=True):
        width = number_of / total
        bars.append(element("rect", class_=f"part {style}", x=percent(at), width=percent(width), y=0, height=18))
        at += width
    words = f"{counts[0]:,} of the active model alone, {counts[1]:,} of both, {counts[2]:,} of the candidate alone"
    return chart(*bars, height=18, kind="shares", label=f"Alerts: {words}")
