"""Captures that people send, and their verdicts."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from oddflow.errors import UsageError
from oddflow.reports.shell import report_policy
from oddflow.server.access.guard import Uploader, UploadReader, record, recorded
from oddflow.server.store.uploads import Upload
from oddflow.server.uploads.receiving import TooLarge
from oddflow.server.uploads.result import UploadResult
from oddflow.server.uploads.uploads import Uploads
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import Problem, not_found
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.pages import After, Limit, Page, following
from oddflow.server.web.shapes.times import moment

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The upload's id.")]
BODY = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class UploadBrief(BaseModel):
    """A capture that was sent."""

    id: str
    at: datetime | None
    by: str
    name: Annotated[str, Field(description="What whoever sent it calls it.")]
    size_bytes: int
    sha256: str
    state: Literal["waiting", "running", "done", "failed"]
    problem: Annotated[str, Field(description="Why there is no verdict.")]
    alerts: Annotated[int | None, Field(description="Flows over the threshold; null where there is no verdict.")]
    incidents: int | None

    @classmethod
    def of(cls, stored: Upload) -> Self:
        """From the store."""
        return cls.model_validate(_told(stored))


class UploadShape(UploadBrief):
    """The same, with its verdict."""

    result: UploadResult | None

    @classmethod
    def of(cls, stored: Upload) -> Self:
        """From the store."""
        return cls.model_validate(_told(stored) | {"result": stored.result or None})


@router.post(
    "",
    responses=problems(404, 413),
    status_code=202,
    summary="Send a capture",
    openapi_extra={"requestBody": BODY},
)
async def send(
    request: Request,
    who: Uploader,
    name: Annotated[str, Query(max_length=400, description="What to call it.")] = "capture",
    model: Annotated[
        str | None,
        Query(
            pattern=r"^([a-z0-9][a-z0-9._-]{0,63}(@[1-9][0-9]{0,8})?)?$",
            description="What shall judge it, like office or office@3; the model of the first source unless given; "
            "empty: the capture itself, each eighth by the rest.",
        ),
    ] = None,
) -> UploadShape:
    """The body is the capture, as it is: pcap, pcapng, a log or a flow table, plain or compressed.

    It waits in line; ask for it by its id until its state is done or failed.
    """
    uploads = uploads_of(request)
    wanted = uploads.default_model if model is None else model
    try:
        await run_in_threadpool(uploads.model_file, wanted)
    except UsageError:
        raise not_found("model", wanted) from None
    try:
        taken = await uploads.take(request.stream(), user=who.name, name=name, model=wanted)
    except TooLarge:
        raise Problem(
            413, f"it is larger than {uploads.most_bytes >> 20:,} MiB; send a part of it, or compress it"
        ) from None
    await recorded(request, who, "upload.send", taken.id, name=taken.name, sha256=taken.sha256)
    return UploadShape.of(taken)


@router.get("", responses=problems(404), summary="List uploads")
def uploads(request: Request, who: UploadReader, limit: Limit = 50, after: After = None) -> Page[UploadBrief]:  # noqa: ARG001
    """Captures that were sent, the newest first."""
    found = following(after, lambda: service_of(request).store.uploads.page(after, limit))
    return Page(items=[UploadBrief.of(one) for one in found.items], next=found.after)


@router.get("/{upload_id}", responses=problems(404), summary="One upload")
def upload(request: Request, who: UploadReader, upload_id: UploadId) -> UploadShape:  # noqa: ARG001
    """How it is, and its verdict once there is one."""
    return UploadShape.of(found_upload(request, upload_id))


@router.get(
    "/{upload_id}/report",
    response_class=HTMLResponse,
    responses=problems(404),
    summary="The report of an upload",
)
def report(request: Request, who: UploadReader, upload_id: UploadId) -> Response:  # noqa: ARG001
    """An HTML page that needs nothing else; browsers are told to keep it in a box of its own."""
    found_upload(request, upload_id)
    page = uploads_of(request).report(upload_id)
    if page is None:
        raise not_found("report of upload", upload_id)
    boxed = f"sandbox allow-scripts; {report_policy()}; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": boxed, "Cache-Control": "no-store"})


@router.delete("/{upload_id}", responses=problems(404), status_code=204, summary="Forget an upload")
def forget(request: Request, who: Uploader, upload_id: UploadId) -> Response:
    """With its report."""
    found_upload(request, upload_id)
    uploads_of(request).forget(upload_id)
    record(request, who, "upload.forget", upload_id)
    return Response(status_code=204)


def uploads_of(request: Request) -> Uploads:
    """Who takes captures."""
    found: Uploads = request.app.state.uploads
    return found


def found_upload(request: Request, upload_id: str) -> Upload:
    """One upload.

    Raises:
        Problem: There is none such.
    """
    stored = service_of(request).store.uploads.get(upload_id)
    if stored is None:
        raise not_found("upload", upload_id)
    return stored


def _told(stored: Upload) -> dict[str, object]:
    return {
        "id": stored.id,
        "at": moment(stored.at_s),
        "by": stored.user,
        "name": stored.name,
        "size_bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "state": stored.state,
        "problem": stored.problem,
        "alerts": stored.result.get("alerts"),
        "incidents": stored.result.get("incidents"),
    }
