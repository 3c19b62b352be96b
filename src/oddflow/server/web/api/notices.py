"""Notices: what was wrong, from when until when."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from oddflow.server.access.guard import Viewer
from oddflow.server.store.notices import StoredNotice
from oddflow.server.web.answers import problems
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.pages import After, Limit, Page
from oddflow.server.web.shapes.times import moment

router = APIRouter(prefix="/api/v1/notices", tags=["health"])


class NoticeShape(BaseModel):
    """One thing that was, or is, wrong."""

    id: int
    sensor: str
    source: Annotated[str, Field(description="Empty where it is of the service as a whole.")]
    code: Annotated[str, Field(examples=["store-down"])]
    level: Annotated[str, Field(examples=["warning"])]
    text: str
    began: datetime | None
    ended: Annotated[datetime | None, Field(description="Null while it goes on.")]

    @classmethod
    def of(cls, stored: StoredNotice) -> Self:
        """From the store."""
        return cls(
            id=stored.id,
            sensor=stored.sensor,
            source=stored.source,
            code=stored.code,
            level=stored.level,
            text=stored.text,
            began=moment(stored.began_s),
            ended=moment(stored.ended_s),
        )


@router.get("", responses=problems(), summary="List notices")
def notices(request: Request, who: Viewer, limit: Limit = 50, after: After = None) -> Page[NoticeShape]:  # noqa: ARG001
    """All that was wrong, the newest first."""
    found = service_of(request).store.notices.page(after, limit)
    return Page(items=[NoticeShape.of(one) for one in found.items], next=found.next)


@router.get("/current", responses=problems(), summary="What is wrong now")
def current(request: Request, who: Viewer) -> Page[NoticeShape]:  # noqa: ARG001
    """Notices that have not ended."""
    return Page(items=[NoticeShape.of(one) for one in service_of(request).store.notices.current()])
