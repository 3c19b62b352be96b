"""What went wrong, as RFC 9457 has it: application/problem+json, with what to do, and never a traceback."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from oddflow.errors import InputError, ModelError, OddflowError, OutputError, UsageError
from oddflow.server.access.refusal import for_person
from oddflow.server.web.problem_page import problem_page

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MOST_FAULTS = 16
MOST_LETTERS = 2_000
_LOG = logging.getLogger("oddflow.web")


class Fault(BaseModel):
    """What is wrong with one part of a request."""

    where: Annotated[str, Field(examples=["query.limit"])]
    what: Annotated[str, Field(examples=["Input should be less than or equal to 500"])]


class ProblemShape(BaseModel):
    """A problem (RFC 9457): what went wrong, and what to do about it."""

    model_config = ConfigDict(title="Problem")
    type: Annotated[str, Field(description="about:blank: the status says which kind it is.")] = "about:blank"
    title: Annotated[str, Field(examples=["Not Found"])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(examples=["no alert has the id 0123; the list of alerts shows those that are kept"])]
    faults: Annotated[list[Fault], Field(description="Where the request itself is wrong: each part that is.")] = []


class Problem(Exception):
    """Ends a request with a problem.

    Args:
        status: An HTTP status of 400 or more.
        detail: What was given, what was expected, what to do next.
        title: The status in words unless given.
        headers: To send along: Retry-After, WWW-Authenticate.
    """

    def __init__(
        self, status: int, detail: str, title: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.headers = headers

    def response(self, faults: list[Fault] | None = None) -> JSONResponse:
        """It as an answer."""
        told = ProblemShape(
            title=self.title, status=self.status, detail=self.detail[:MOST_LETTERS], faults=faults or []
        )
        content = told.model_dump(exclude_defaults=True) | {"type": told.type}
        return JSONResponse(content, self.status, dict(self.headers or {}), media_type=MEDIA_TYPE)


def not_found(what: str, name: object) -> Problem:
    """There is none of that name."""
    return Problem(404, f"there is no {what} {str(name)[:80]!r}; it may have been deleted, or never was")


def status_of(error: OddflowError) -> int:
    """Which HTTP status says the same as an error of ours."""
    if isinstance(error, UsageError):
        return 422
    if isinstance(error, InputError):
        return 400
    if isinstance(error, ModelError):
        return 409
    return 503


def problem_of(error: OddflowError) -> Problem:
    """An error of ours as a problem; what failed on the machine is to be tried again."""
    status = status_of(error)
    headers = {"Retry-After": "5"} if status == 503 else None
    if isinstance(error, OutputError):
        _LOG.warning("%s", error)
    return Problem(status, str(error), headers=headers)


def add_problems(app: FastAPI) -> None:
    """Makes all that can go wrong in a request end in a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(OddflowError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unforeseen)


def _answer(request: Request, problem: Problem, faults: list[Fault] | None = None) -> Response:
    """A page where a person asked for one, else problem+json."""
    return problem_page(request, problem) if for_person(request) else problem.response(faults)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  (as it was registered)
    return _answer(request, error)


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, OddflowError)  # noqa: S101
    return _answer(request, problem_of(error))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = [_fault(one) for one in error.errors()[:MOST_FAULTS]]
    if not request.url.path.startswith("/api/") and all(fault.where.startswith("path.") for fault in faults):
        return _answer(request, Problem(404, "there is no such page; the address may have been cut short"))
    said = "; ".join(f"{fault.where}: {fault.what}" for fault in faults[:3])
    return _answer(request, Problem(422, f"the request is not as it should be: {said}"), faults)


def _fault(error: Mapping[str, Any]) -> Fault:
    where = ".".join(str(step)[:80] for step in error.get("loc", ()))
    return Fault(where=where or "body", what=str(error.get("msg", "is wrong"))[:400])


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code < 400:  # a redirection of the guard
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    told = str(error.detail) if error.detail else ""
    if error.status_code == 404 and told == HTTPStatus.NOT_FOUND.phrase:
        told = f"nothing is at {request.url.path[:200]}"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    problem = Problem(error.status_code, told or HTTPStatus(error.status_code).phrase, headers=headers)
    return _answer(request, problem)


def _allowed(request: Request) -> set[str]:
    """All methods that something at this path answers (RFC 9110, section 10.2.1); a router tells those of the first."""
    found: set[str] = set()
    for route in request.app.routes:
        for method in METHODS:
            match, _ = route.matches({**request.scope, "method": method})
            if match is Match.FULL:
                found.add(method)
    return found


def _unforeseen(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(request, Problem(500, "this is a fault of Oddflow; what happened is in its log"))
