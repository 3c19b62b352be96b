"""Notices: what was wrong, from when until when."""

from fastapi import APIRouter, Request

from oddflow.server.access.guard import Viewer
from oddflow.server.web.answers import problems
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.notice import NoticeShape
from oddflow.server.web.shapes.pages import After, Limit, Page, following

router = APIRouter(prefix="/api/v1/notices", tags=["health"])


@router.get("", responses=problems(404), summary="List notices")
def notices(request: Request, who: Viewer, limit: Limit = 50, after: After = None) -> Page[NoticeShape]:  # noqa: ARG001
    """All that was wrong, the newest first."""
    found = following(after, lambda: service_of(request).store.notices.page(after, limit))
    return Page(items=[NoticeShape.of(one) for one in found.items], next=found.after)


@router.get("/current", responses=problems(), summary="What is wrong now")
def current(request: Request, who: Viewer) -> Page[NoticeShape]:  # noqa: ARG001
    """Notices that have not ended."""
    return Page(items=[NoticeShape.of(one) for one in service_of(request).store.notices.current()])
