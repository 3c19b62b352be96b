"""What the routes of `access` share: roles by name, moments, lists, and what they may refuse."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, Field

from oddflow.server.access.identity import Role
from oddflow.server.access.refusal import TITLES

T = TypeVar("T")
MOST_NUMBER = (1 << 63) - 1
Moment = Annotated[datetime, Field(description="UTC.")]


class RoleName(StrEnum):
    """A role as it is written."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role."""
        return Role[self.name]

    @classmethod
    def of(cls, role: Role) -> Self:
        """The name of a role."""
        return cls[role.name]


class Items(BaseModel, Generic[T]):
    """A list, and how to go on."""

    items: list[T]
    next: Annotated[str | None, Field(description="For ?after=; null at the end.")] = None


class RefusalShape(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


def moment(at_s: float) -> datetime:
    """Seconds since 1970 as a moment, to the millisecond."""
    return datetime.fromtimestamp(round(at_s, 3), UTC)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of refusals; 429 and 503 may come from the gate at any time."""
    content = {"application/problem+json": {"schema": RefusalShape.model_json_schema()}}
    return {
        status: {"description": TITLES.get(status, "Wrong"), "content": content}
        for status in (*statuses, 400, 413, 429, 503)
    }
