"""Flows that are on disk: searched with the query language, and downloaded."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, JsonValue

from oddflow.server.access.guard import Viewer, record
from oddflow.server.flowstore.query import Query as Question
from oddflow.server.web.answers import problems
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.pages import Limit, following

router = APIRouter(prefix="/api/v1/flows", tags=["flows"])

Asked = Annotated[
    str,
    Query(
        max_length=2_000,
        description="A question in the query language (docs/search.md); the newest flows where it is empty.",
        openapi_examples={"odd": {"value": "src_ip = 10.0.0.5 and score > 3 last 2h"}},
    ),
]
KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class FlowRows(BaseModel):
    """Flows, in the order that was asked for; times are ns since 1970 UTC."""

    columns: list[str]
    items: list[dict[str, JsonValue]]
    next: str | None
    truncated: Annotated[bool, Field(description="There is more than this page has.")]
    seconds: Annotated[float, Field(description="How long the search took.")]
    files: Annotated[int, Field(description="Files that were looked at.")]
    looked: Annotated[int, Field(description="Flows that these hold.")]


class FlowUsageShape(BaseModel):
    """What the flow store takes."""

    bytes: int
    flows: int
    files: int
    oldest_ns: int | None
    newest_ns: int | None


@router.get("", responses=problems(404, 414), summary="Search flows")
def flows(
    request: Request,
    who: Viewer,  # noqa: ARG001
    q: Asked = "",
    limit: Limit = 100,
    after: Annotated[str | None, Query(max_length=1_000, pattern="^[A-Za-z0-9_-]+$")] = None,
) -> FlowRows:
    """The flows that a question asks for, the newest first unless it says otherwise."""
    question = Question.parse(q)
    found = following(after, lambda: service_of(request).flows.search(question, limit, after))
    return FlowRows(
        columns=list(found.columns),
        items=found.rows,
        next=found.next,
        truncated=found.truncated,
        seconds=found.seconds,
        files=found.files,
        looked=found.looked,
    )


@router.get("/usage", responses=problems(), summary="What the flow store takes")
def usage(request: Request, who: Viewer) -> FlowUsageShape:  # noqa: ARG001
    """On disk, and how far back it goes."""
    found = service_of(request).flows.usage()
    return FlowUsageShape(
        bytes=found.bytes, flows=found.flows, files=found.files, oldest_ns=found.oldest, newest_ns=found.newest
    )


@router.get(
    "/download",
    response_class=StreamingResponse,
    responses=problems(414)
    | {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS.values()}}},
    summary="Download flows",
)
def download(
    request: Request,
    who: Viewer,
    q: Asked = "",
    format: Literal["csv", "parquet"] = "csv",  # noqa: A002
) -> StreamingResponse:
    """All flows that a question asks for, up to what the service allows, as they are read."""
    content = service_of(request).flows.download(Question.parse(q), format)
    record(request, who, "flows.download", format, q=q)
    headers = {"Content-Disposition": f'attachment; filename="flows.{format}"', "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type=KINDS[format], headers=headers)
