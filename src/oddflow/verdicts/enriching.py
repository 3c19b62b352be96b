"""Alerts with what is known of their ends."""

from dataclasses import replace
from typing import Any

from oddflow.enrichment.enrichment import Enrichment
from oddflow.verdicts.alert import Alert, Reason

FEATURE = "intelligence"
"""What the reason is called that a list gives; it is no feature of the model, and no part of the score."""


def enriched(alert: Alert, flow: dict[str, Any], enrichment: Enrichment) -> Alert:
    """The alert with names, countries, and what lists say; each list's word is a reason more, after the model's own."""
    ends = enrichment.ends(flow)
    told = tuple(Reason(FEATURE, 1.0, 0.0, 0.0, 0.0, text) for text in ends.intelligence)
    return replace(
        alert,
        reasons=(*alert.reasons, *told),
        src_name=ends.src_name,
        dst_name=ends.dst_name,
        src_country=ends.src_country,
        dst_country=ends.dst_country,
        intelligence=ends.intelligence,
    )
