"""Pages as HTML: the shell that all share, and what every template may call.

What a page shows comes from the traffic, so all of it is hostile: templates escape everything and make control and
direction marks visible, as the reports do, and the policy in the headers runs no script and no style but ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader

from oddflow import __version__
from oddflow.amounts import size
from oddflow.reports import words
from oddflow.reports.shell import environment
from oddflow.server.access.identity import Identity, Role
from oddflow.server.status import State, Status
from oddflow.server.web import moments
from oddflow.server.web.said import SAID
from oddflow.server.web.static_files import static
from oddflow.verdicts.techniques import named


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the pages: its name, its address, and the key that leads there after `g`."""

    name: str
    path: str
    key: str


PLACES = (
    Place("Overview", "/", "o"),
    Place("Incidents", "/incidents", "i"),
    Place("Hosts", "/hosts", "h"),
    Place("Flows", "/flows", "f"),
    Place("Models", "/models", "m"),
    Place("Sources", "/sources", "s"),
    Place("Upload", "/upload", "u"),
    Place("Settings", "/settings", "t"),
)


def page(
    request: Request,
    template: str,
    who: Identity | None,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **shown: Any,
) -> HTMLResponse:
    """A page, or a part of one, as an answer.

    Args:
        request: What is answered.
        template: The file; pages extend "base.html".
        who: Who is logged in; None where nobody is, then the shell shows no ways and no state.
        status_code: Of the answer.
        headers: More headers.
        shown: What the template speaks of.
    """
    told = _told(request) if who is not None else None
    content = (
        _environment()
        .get_template(template)
        .render(
            who=who,
            csrf=who.csrf if who is not None else "",
            may_analyse=who is not None and who.role >= Role.ANALYST,
            may_administer=who is not None and who.role >= Role.ADMIN,
            places=PLACES,
            here=_here(request.url.path),
            troubles=troubles(told) if told is not None else (),
            sensor=told.sensor if told is not None else "",
            said=SAID.get(request.query_params.get("said", ""), ""),
            version=__version__,
            **shown,
        )
    )
    return HTMLResponse(content, status_code, {"Cache-Control": "no-store", **(headers or {})})


@cache
def _environment() -> Environment:
    reports = PrefixLoader({"reports": PackageLoader("oddflow.reports")})
    made = environment(ChoiceLoader([PackageLoader("oddflow.server.web"), reports]))
    helpers = (
        static, size, named, words.duration, words.listed, words.measured, moments.when, moments.until,
        moments.seconds_ago,
    )  # fmt: skip
    made.globals.update({helper.__name__: helper for helper in helpers})
    return made


def _told(request: Request) -> Status | None:
    service = getattr(request.app.state, "service", None)
    return service.status() if service is not None else None


def _here(path: str) -> str:
    """The path of the part that a page belongs to; empty where it belongs to none."""
    for place in PLACES[1:]:
        if path == place.path or path.startswith(place.path + "/"):
            return place.path
    return "/incidents" if path.startswith("/alerts/") else "/" if path == "/" else ""


def troubles(status: Status) -> tuple[str, ...]:
    """What is wrong now, in sentences, the service as a whole first: what every page says loudly.

    >>> troubles(Status(store="the database cannot be reached"))
    ('Store: the database cannot be reached',)
    """
    found = list(status.problems)
    if status.store != "running":
        found.append(f"Store: {status.store}")
    for source in status.sources:
        found += [f"Source {source.name}: {problem}" for problem in source.problems]
        if source.state is State.DOWN and not source.problems:
            found.append(f"Source {source.name} is down")
    for worker in status.workers:
        found += [f"Worker {worker.name}: {problem}" for problem in worker.problems]
        if worker.state is State.DOWN and not worker.problems:
            found.append(f"Worker {worker.name} is down")
    found += [f"Output {output.to}: {output.problem}" for output in status.outputs if output.problem]
    return tuple(dict.fromkeys(found))
