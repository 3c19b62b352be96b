"""Hosts: what is normal for each, and what changed."""

from ipaddress import ip_address
from time import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.server.access.guard import Viewer
from oddflow.server.flowstore.host_list import HostQuestion, HostSummary
from oddflow.server.flowstore.host_picture import HostPicture
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import Problem, not_found
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.times import Time

router = APIRouter(prefix="/api/v1/hosts", tags=["hosts"])

DAY_S = 86_400.0
MOST_DAYS = 400

Address = Annotated[
    str, Path(max_length=64, pattern=r"^[0-9a-fA-F:.]+$", description="An address.", examples=["10.0.0.5"])
]
Order = Literal["flows", "sent", "received", "alerts", "score", "hours", "first", "last", "host"]


class HostWishes(BaseModel):
    """Which hosts a list has."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(max_length=64, description="Addresses that hold this, or are in this network.")] = ""
    source: Annotated[str | None, Field(max_length=63, description="Seen by this source.")] = None
    since: Annotated[Time | None, Field(description="A day before `until` unless given.")] = None
    until: Annotated[Time | None, Field(description="Now unless given.")] = None
    order: Order = "flows"
    ascending: bool = False
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: Annotated[str | None, Field(pattern=r"^[1-9][0-9]{0,6}$", description="`next` of the page before.")] = None


class HostList(BaseModel):
    """Hosts by whole hours, in the order that was asked for."""

    items: list[HostSummary]
    next: str | None
    total: Annotated[int, Field(description="How many there are.")]


@router.get("", responses=problems(), summary="List hosts")
def hosts(request: Request, who: Viewer, wishes: Annotated[HostWishes, Query()]) -> HostList:  # noqa: ARG001
    """Those with most flows first unless asked otherwise; counts are of the time that is asked for."""
    since_s, until_s = _between(wishes.since, wishes.until, DAY_S)
    offset = int(wishes.after or 0)
    question = HostQuestion(
        sources=None if wishes.source is None else frozenset({wishes.source}),
        text=wishes.text,
        order=wishes.order,
        descending=not wishes.ascending,
        limit=wishes.limit,
        offset=offset,
    )
    found = service_of(request).flows.hosts(since_s, until_s, question)
    reached = offset + len(found.hosts)
    more = bool(found.hosts) and reached < found.total
    return HostList(items=list(found.hosts), next=str(reached) if more else None, total=found.total)


@router.get("/{address}", responses=problems(404), summary="One host")
def host(
    request: Request,
    who: Viewer,  # noqa: ARG001
    address: Address,
    since: Annotated[Time | None, Query(description="Thirty days before `until` unless given.")] = None,
    until: Annotated[Time | None, Query(description="Now unless given.")] = None,
    change_hours: Annotated[float, Query(gt=0, le=24 * 30, description="What came since is compared.")] = 24.0,
) -> HostPicture:
    """The services it uses and offers, its usual peers and hours; and what is new, or beyond the usual, of late."""
    try:
        ip_address(address)
    except ValueError:
        raise not_found("host", address) from None
    since_s, until_s = _between(since, until, 30 * DAY_S)
    return service_of(request).flows.host(address, since_s, until_s, change_s=change_hours * 3_600)


def _between(since: Time | None, until: Time | None, usual_s: float) -> tuple[float, float]:
    until_s = until.timestamp() if until else time()
    since_s = since.timestamp() if since else until_s - usual_s
    if not 0 < until_s - since_s <= MOST_DAYS * DAY_S:
        raise Problem(422, f"since to until is no time of up to {MOST_DAYS} days; give another")
    return since_s, until_s
