"""What went wrong, as a page for a person."""

from collections.abc import Mapping
from typing import Protocol

from fastapi import Request, Response

from oddflow.server.access.gate import identity_of
from oddflow.server.web.rendering import page

TITLES = {
    400: "That cannot be read",
    403: "Not allowed",
    404: "Nothing is here",
    409: "Not as things are",
    413: "That is too large",
    422: "That does not fit",
    429: "Too many requests",
    500: "Something broke",
    503: "Not now",
}


class Told(Protocol):
    """A problem as it is told."""

    status: int
    title: str
    detail: str
    headers: Mapping[str, str] | None


def problem_page(request: Request, problem: Told) -> Response:
    """The page of a problem; of a fault of ours without the shell's state, which may be what broke."""
    who = identity_of(request) if problem.status < 500 else None
    return page(
        request, "problem.html", who, status_code=problem.status, headers=problem.headers,
        problem_title=TITLES.get(problem.status, problem.title), problem_detail=problem.detail,
    )  # fmt: skip
