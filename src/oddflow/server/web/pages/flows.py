"""The page of flows: a question, what it finds over time, and the flows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from oddflow.errors import OddflowError
from oddflow.server.access.guard import Viewer
from oddflow.server.flowstore.fields import FIELDS
from oddflow.server.flowstore.over_time import OverTime
from oddflow.server.flowstore.page import FlowPage
from oddflow.server.flowstore.query import Query as Question
from oddflow.server.flowstore.tokens import WrongQuery
from oddflow.server.web import flow_columns, questions
from oddflow.server.web.drawing.time_bars import time_bars
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of

router = APIRouter(include_in_schema=False)

SHOWN = 100
COUNTED_AT_ONCE = 2_000_000
"""Of more flows than these the course over time is counted only where a person asks for it."""
EXAMPLES = (
    ("alert last 24h", "what was over the threshold in the last day"),
    ("score > 3 order by score last 7d", "the oddest flows of the week"),
    ("ip = 10.0.0.5 last 2h", "all that a host did, at either end"),
    ("src_ip in 10.0.0.0/8 and not dst_ip in 10.0.0.0/8 and sent > 10MB", "what sent much outside"),
    ("port in (22, 3389) and duration > 30m", "long remote sessions"),
    ("name contains example or dns_type = TXT", "names that were asked for"),
    ("protocol = udp and service is not known last 1h", "UDP that nobody knows"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Attributes:
        q: The question.
        columns: Keys of columns that were picked; the usual ones where there are none.
        after: Where the page before ended.
    """

    q: str = ""
    columns: Sequence[str] = field(default=())
    after: str = ""

    def address(self, q: str | None = None, after: str = "", path: str = "/flows") -> str:
        """The address of another question or page with the same columns."""
        parts = [("q", self.q if q is None else q), *(("c", key) for key in self.columns), ("after", after)]
        return f"{path}?{urlencode([part for part in parts if part[1]])}"


@router.get("/flows")
def flows(
    request: Request,
    who: Viewer,
    q: Annotated[str, Query(max_length=4_000)] = "",
    c: Annotated[list[str] | None, Query(max_length=len(flow_columns.COLUMNS))] = None,
    after: Annotated[str, Query(max_length=2_000)] = "",
    chart: bool = False,
) -> Response:
    """Flows that a question finds, or the newest."""
    service = service_of(request)
    asked = Asked(q.strip(), [key for key in c or () if key in flow_columns.BY_KEY], after)
    found, fault, pointed, course = None, "", "", None
    try:
        question = Question.parse(asked.q)
        found = service.flows.search(question, SHOWN, asked.after or None)
        if not asked.after:
            course = service.flows.over_time(question, most_looked=None if chart else COUNTED_AT_ONCE)
    except WrongQuery as error:
        pointed = error.pointed()
    except OddflowError as error:
        fault = str(error)
    columns = flow_columns.picked(asked.columns)
    return page(
        request, "flows.html", who, status_code=422 if pointed or fault else 200, asked=asked, found=found,
        fault_words=fault, pointed=pointed, columns=columns, all_columns=flow_columns.COLUMNS,
        heads=_heads(asked, columns, pointed), course=course, drawn=_drawn(course),
        examples=EXAMPLES, fields=FIELDS, thresholds=_thresholds(service),
        style_of=flow_columns.style_of, narrow=partial(_narrow, asked), downloads=_downloads(asked, found),
        sources=[source.name for source in service.settings.sources],
    )  # fmt: skip


def _drawn(course: OverTime | None) -> Markup:
    return time_bars(course.flows, course.alerts, course.start_s, course.step_s) if course else Markup("")


def _thresholds(service: Service) -> dict[str, float]:
    return {source.name: source.threshold for source in service.status().sources}


def _heads(
    asked: Asked, columns: Sequence[flow_columns.FlowColumn], pointed: str
) -> list[tuple[flow_columns.FlowColumn, str, str]]:
    """Each column with the address that sorts by it, and how it is sorted now: "", "descending", "ascending"."""
    if pointed:
        return [(column, "", "") for column in columns]
    question = Question.parse(asked.q)
    heads = []
    for column in columns:
        now = ""
        if question.order.name == column.field or (column.key == "time" and question.order.name == "end"):
            now = "descending" if question.descending else "ascending"
        text = questions.sorted_by(asked.q, column.field, descending=now != "descending")
        heads.append((column, asked.address(text), now))
    return heads


def _narrow(asked: Asked, column: flow_columns.FlowColumn, row: flow_columns.Row) -> str:
    """The address of the same question with only flows that are like a row in a column; empty where that is nothing."""
    value = column.value(row) if column.value else None
    if value is None:
        return ""
    return asked.address(questions.narrowed(asked.q, questions.equal(column.field, value)))


def _downloads(asked: Asked, found: FlowPage | None) -> list[tuple[str, str]]:
    if found is None or not found.rows:
        return []
    parts = {"q": asked.q} if asked.q else {}
    return [
        (name, f"/api/v1/flows/download?{urlencode(parts | {'format': name.lower()})}") for name in ("CSV", "Parquet")
    ]
