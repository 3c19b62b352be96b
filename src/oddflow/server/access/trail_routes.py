"""The trail of changes over the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from oddflow.server.access.guard import Admin
from oddflow.server.access.shapes import Items, Moment, moment, refusals
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.pages import following

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
Text = Annotated[str | None, Query(max_length=200)]


class ChangeShape(BaseModel):
    """A change, or a try to log in."""

    number: int
    at: Moment
    who: Annotated[str, Field(description="Empty for nobody known.")]
    role: str
    ip: str
    action: Annotated[str, Field(examples=["incident.close"])]
    object: str
    detail: dict[str, Any]


@router.get("", responses=refusals(401, 403, 404, 422))
def audit(
    request: Request,
    who: Admin,  # noqa: ARG001
    after: Text = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    by: Annotated[str | None, Query(max_length=200, description="Only of this account.")] = None,
    action: Annotated[str | None, Query(max_length=200, description="Only this, like token.add.")] = None,
) -> Items[ChangeShape]:
    """Who changed what, the latest first."""
    found = following(after, lambda: service_of(request).store.audit.page(after, limit, by, action))
    return Items(
        items=[
            ChangeShape(
                number=entry.number,
                at=moment(entry.at_s),
                who=entry.who,
                role=entry.role,
                ip=entry.ip,
                action=entry.action,
                object=entry.object,
                detail=entry.detail,
            )
            for entry in found.items
        ],
        next=found.after,
    )
