"""A page of a list, and how the next one is asked for."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from oddflow.errors import UsageError
from oddflow.server.web.problems import Problem

Item = TypeVar("Item")
MOST_ITEMS = 500

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many items a page has at most.")]
After = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=r"^-?[0-9a-fxp.+-]{1,40}_[0-9A-Za-z-]{0,64}$",
        description="`next` of the page before; the first page where it is not given.",
    ),
]
Number = Annotated[int | None, Query(ge=0, lt=1 << 53, description="Only what comes after this number.")]


Found = TypeVar("Found")


def following(after: str | None, ask: Callable[[], Found]) -> Found:
    """What is asked for; 404 where no page ends with `after`.

    Raises:
        Problem: None does.
    """
    try:
        return ask()
    except UsageError as error:
        if after is None:
            raise
        raise Problem(404, f"no page ends there; ask from the first page ({error})") from None


class Page(BaseModel, Generic[Item]):
    """Items, and what to ask the next page with."""

    items: list[Item]
    next: Annotated[
        str | None, Field(description="Give it as `after` for the next page; null where this is the last.")
    ] = None
