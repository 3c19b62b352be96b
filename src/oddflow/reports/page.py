"""The report of one detection run: one HTML file that needs nothing else.

What it shows comes from the traffic, so all of it is hostile: templates escape everything, control and
direction marks are made visible, and the page's security policy runs no script and no style but its own.
"""

import base64
import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oddflow import __version__
from oddflow.files import whole_file
from oddflow.reports import words
from oddflow.reports.manifest import manifest_view, model_name
from oddflow.reports.rows import row_view
from oddflow.reports.scores import scores_chart
from oddflow.reports.timeline import LANES, timeline_chart
from oddflow.verdicts.alert import utc
from oddflow.verdicts.detection import Detection, Timeline

DETAILED_ROWS = 50
LISTED_ROWS = 500


def render(detection: Detection, *, generated: datetime | None = None) -> str:
    """The report as HTML: a pure function of the detection and the time of generation.

    Args:
        detection: What one run of `detect` found.
        generated: When the report was made; now if None.
    """
    style, script = (part(name) for name in ("style.css", "script.js"))
    manifest = manifest_view(detection.model)
    places = words.places(row.top.score for row in detection.rows if row.alerts)
    rows = [
        row_view(row, manifest.units, places=places, detailed=index < DETAILED_ROWS)
        for index, row in enumerate(row for row in detection.rows[:LISTED_ROWS] if row.alerts)
    ]
    return (
        environment()
        .get_template("page.html")
        .render(
            detection=detection,
            policy=policy(style, script),
            style=style,
            script=script,
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
            version=__version__,
            generated=f"{generated or datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        )
    )


def write(detection: Detection, path: Path | str) -> None:
    """Writes the report: to a temporary name beside `path` first, so that no half report is ever seen.

    Raises:
        OutputError: The place cannot be written: no such folder, no permission, a full disk, a folder.
    """
    page = render(detection).encode("utf-8")
    with whole_file(str(path)) as file:
        file.write(page)


def environment() -> Environment:
    """What templates are rendered with: everything escaped, every text of others made visible."""
    made = Environment(
        loader=PackageLoader("oddflow.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    helpers = (words.count, words.number, words.share, words.endpoint, words.moment, utc)
    made.globals.update({helper.__name__: helper for helper in helpers})
    return made


def _shown(value: object) -> object:
    """What a template prints: text of ours as it is, every other text made visible."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def part(name: str) -> Markup:
    """A file of the package that stands in the page as it is: no word of the traffic is ever in it."""
    return Markup(files("oddflow.reports").joinpath("templates", name).read_text("utf-8"))  # noqa: S704


def policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which only this very style and script work, and nothing is loaded."""
    hashes = [base64.b64encode(hashlib.sha256(one.encode("utf-8")).digest()).decode("ascii") for one in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
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
