"""CSV (RFC 4180) that a spreadsheet may open: no cell begins a formula."""

import csv
import io

from oddflow.outputs.line import one_line
from oddflow.outputs.notice import Notice
from oddflow.verdicts.alert import utc

COLUMNS = (
    "id", "kind", "start", "end", "severity", "src_ip", "src_port", "src_name", "src_country", "dst_ip", "dst_port",
    "dst_name", "dst_country", "protocol", "score", "rarity", "category", "category_probability", "techniques",
    "title", "reasons", "intelligence", "packets", "bytes", "community_id", "source",
)  # fmt: skip
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def row(notice: Notice) -> str:
    """The notice as one line, in the order of COLUMNS."""
    return _line(
        [
            notice.id, notice.kind, utc(notice.start_ns), utc(notice.end_ns), notice.severity.name.lower(),
            notice.src_ip, notice.src_port, notice.src_name, notice.src_country,
            notice.dst_ip, notice.dst_port, notice.dst_name, notice.dst_country,
            notice.transport, "" if notice.score is None else f"{notice.score:.6g}", notice.rarity,
            notice.category, f"{notice.probability:.3f}" if notice.category else "", " ".join(notice.techniques),
            notice.title, "; ".join(notice.reasons), "; ".join(notice.intelligence),
            notice.packets, notice.size_bytes, notice.community_id, notice.source,
        ]
    )  # fmt: skip


def safe_cell(value: object) -> str:
    """A cell's text on one line; what a spreadsheet would take for a formula gets an apostrophe before it.

    Source: OWASP, CSV Injection.

    >>> safe_cell("=HYPERLINK(1)"), safe_cell(22), safe_cell("-1+2")
    ("'=HYPERLINK(1)", '22', "'-1+2")
    """
    text = str(value)
    shown = one_line(text, 4_000)
    return f"'{shown}" if text.lstrip(" ").startswith(_BEGINS_FORMULA) else shown


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([safe_cell(cell) for cell in cells])
    return text.getvalue()


HEADING = _line(list(COLUMNS))
