"""The report of one detection run."""

from datetime import datetime

from oddflow.reports import words
from oddflow.reports.incidents import LISTED, incident_views
from oddflow.reports.manifest import manifest_view, model_name
from oddflow.reports.rows import row_view
from oddflow.reports.scores import scores_chart
from oddflow.reports.shell import rendered
from oddflow.reports.timeline import LANES, timeline_chart
from oddflow.verdicts.detection import Detection, Timeline

DETAILED_ROWS = 50
LISTED_ROWS = 500


def render(detection: Detection, *, generated: datetime | None = None) -> str:
    """The report as HTML: a pure function of the detection and the time of generation.

    Args:
        detection: What one run of `detect` found.
        generated: When the report was made; now if None.
    """
    manifest = manifest_view(detection.model)
    places = words.places(row.top.score for row in detection.rows if row.alerts)
    rows = [
        row_view(row, manifest.units, places=places, detailed=index < DETAILED_ROWS)
        for index, row in enumerate(row for row in detection.rows[:LISTED_ROWS] if row.alerts)
    ]
    return rendered(
        "page.html",
        generated=generated,
        detection=detection,
        incidents=incident_views(detection),
        incidents_left=max(0, len(detection.incidents) - LISTED),
        rows=rows,
        places=places,
        rows_left=max(0, len(detection.rows) - LISTED_ROWS),
        detailed_rows=DETAILED_ROWS,
        lanes=min(LANES, len(rows)),
        span=_span(detection.timeline),
        lasted=_lasted(detection.timeline),
        bin_width=words.duration(detection.timeline.width_ns),
        timeline=timeline_chart(detection.timeline, [row for row in detection.rows if row.alerts]),
        scores=scores_chart(detection.histogram, detection.threshold),
        manifest=manifest,
        model_name=model_name(detection.model),
        ledger=detection.ledger,
    )


def _span(timeline: Timeline) -> str:
    bins = len(timeline.flows)
    if not bins:
        return words.UNKNOWN
    end_ns = timeline.start_ns + bins * timeline.width_ns
    start, end = words.moment(timeline.start_ns), words.moment(end_ns)
    if start[:10] == end[:10]:
        end = end[11:]
    return f"{start} to {end} UTC"


def _lasted(timeline: Timeline) -> str:
    return words.duration(len(timeline.flows) * timeline.width_ns) if timeline.flows else ""
