"""The pages of uploads: send a capture, what became of earlier ones, and one verdict in full."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from oddflow.errors import OddflowError
from oddflow.server.access.guard import Uploader, UploadReader
from oddflow.server.access.identity import Identity
from oddflow.server.web import upload_views
from oddflow.server.web.api.uploads import UploadId, forget, found_upload, uploads_of
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of

router = APIRouter(include_in_schema=False)

LISTED = 25
After = Annotated[str | None, Query(max_length=200)]


@router.get("/upload")
def upload(request: Request, who: UploadReader, after: After = None) -> Response:
    """The form, and what was sent before."""
    service, uploads = service_of(request), uploads_of(request)
    found = service.store.uploads.page(after or None, LISTED)
    return page(
        request, "upload.html", who, rows=upload_views.rows(found.items), next=found.after, views=upload_views,
        after=after, models=_models(service), usual=uploads.default_model, bounds=service.settings.uploads,
        most_bytes=uploads.most_bytes, base=str(request.base_url).rstrip("/"),
    )  # fmt: skip


@router.get("/fragments/uploads")
def listed(request: Request, who: UploadReader) -> Response:
    """What was sent before: the part that changes."""
    found = service_of(request).store.uploads.page(None, LISTED)
    rows = upload_views.rows(found.items)
    return page(request, "uploads_list.html", who, rows=rows, next=found.after, after=None, views=upload_views)


@router.get("/upload/{upload_id}")
def one(request: Request, who: UploadReader, upload_id: UploadId) -> Response:
    """One capture and its verdict."""
    return _one(request, who, upload_id, "upload_one.html")


@router.get("/fragments/upload/{upload_id}")
def one_part(request: Request, who: UploadReader, upload_id: UploadId) -> Response:
    """The part of it that changes."""
    return _one(request, who, upload_id, "upload_verdict.html")


@router.post("/upload/{upload_id}/forget")
def forget_one(request: Request, who: Uploader, upload_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> Response:
    """Deletes a capture's verdict and report."""
    forget(request, who, upload_id)
    return RedirectResponse("/upload?said=forgotten", 303)


def _one(request: Request, who: Identity, upload_id: str, template: str) -> Response:
    row = upload_views.UploadRow.of(found_upload(request, upload_id))
    report = row.stored.state == "done" and uploads_of(request).report(upload_id) is not None
    return page(request, template, who, row=row, views=upload_views, has_report=report)


def _models(service: Service) -> list[str]:
    """What may judge: names that have an active version."""
    try:
        return [name for name, named in service.registry.names().items() if named.active is not None]
    except OddflowError:
        return []
