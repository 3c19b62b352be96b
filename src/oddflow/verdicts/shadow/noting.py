"""What the journal keeps of a comparison."""

from typing import Any

from oddflow.models.registry.registry import KEEP
from oddflow.verdicts.shadow.advice import Advice, Verdict
from oddflow.verdicts.shadow.comparison import Comparison


def noted(found: Comparison, advice: Advice) -> dict[str, Any]:
    """For `Registry.shadowed`: the recommendation, and the numbers that it follows from."""
    told: dict[str, Any] = {
        "recommendation": advice.verdict.value,
        KEEP: advice.verdict is Verdict.KEEP,
        "flows": found.flows,
        "alerts": [found.active.alerts, found.candidate.alerts],
        "both": found.both,
    }
    if found.known:
        told["false"] = [found.known.active_false, found.known.candidate_false]
    return told
