"""Sources: where flows come from, and what was lost on the way."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from oddflow.server.access.guard import Viewer
from oddflow.server.status import SourceStatus
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import not_found
from oddflow.server.web.service import service_of

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

SourceName = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9._-]*$", examples=["office"])]


class SourceList(BaseModel):
    """All sources; there are at most 32."""

    items: list[SourceStatus]
    next: None = None


@router.get("", responses=problems(), summary="List sources")
def sources(request: Request, who: Viewer) -> SourceList:  # noqa: ARG001
    """How each is: what came in, what of it was metered, and by reason what was lost."""
    return SourceList(items=service_of(request).status().sources)


@router.get("/{name}", responses=problems(404), summary="One source")
def source(request: Request, who: Viewer, name: SourceName) -> SourceStatus:  # noqa: ARG001
    """How it is."""
    for one in service_of(request).status().sources:
        if one.name == name:
            return one
    raise not_found("source", name)
