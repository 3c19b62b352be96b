"""The page of the trail, for admins: who changed what, and whether the trail is as it was written."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from oddflow.server.access.guard import AdminPerson
from oddflow.server.web.rendering import page
from oddflow.server.web.service import service_of

router = APIRouter(include_in_schema=False)

SHOWN = 50


@router.get("/settings/trail")
def trail(
    request: Request,
    who: AdminPerson,
    after: Annotated[str | None, Query(max_length=200)] = None,
    by: Annotated[str, Query(max_length=64)] = "",
    action: Annotated[str, Query(max_length=64)] = "",
    check: bool = False,
) -> Response:
    """Changes, the newest first; the chain is gone along where that is asked for."""
    audit = service_of(request).store.audit
    found = audit.page(after or None, SHOWN, who=by or None, action=action or None)
    return page(
        request, "settings_trail.html", who, entries=found.items, next=found.after, by=by, action=action, after=after,
        verified=audit.verify() if check else None,
    )  # fmt: skip
