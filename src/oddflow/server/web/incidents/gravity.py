"""Why an incident is as grave as it is: what goes into its points, in words (see verdicts/incidents/severity.py)."""

from oddflow.amounts import count
from oddflow.reports.words import number
from oddflow.verdicts.incidents.incident import Incident


def gravity(incident: Incident) -> list[str]:
    """What made its points, a few words each."""
    threshold = next((alert.threshold for alert in incident.top if alert.threshold > 0), 0.0)
    told = []
    if incident.likeliest:
        told.append(f"likeliest {incident.likeliest}")
    else:
        told.append("of no kind of attack that is known")
    if threshold:
        told.append(f"its oddest flow scores {number(round(incident.score / threshold, 1))} × the threshold")
    told.append(count(incident.alerts, "alert"))
    reached = sum(stage.target_count for stage in incident.stages)
    if reached > 1:
        told.append(f"{reached:,} hosts were reached")
    if incident.stage_count > 1:
        told.append(f"{incident.stage_count:,} stages")
    return told
