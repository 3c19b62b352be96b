"""Whether the service lives, is ready, and how all of it is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from oddflow.errors import OddflowError
from oddflow.server.access.guard import Viewer
from oddflow.server.status import State, Status
from oddflow.server.web.answers import problems
from oddflow.server.web.service import Service, service_of

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """That it answers, and no more."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether it does what it is for."""

    ready: bool
    state: State
    problems: Annotated[list[str], Field(description="What is wrong, each with what to do.")]


@router.get("/healthz", summary="Whether it answers")
def healthz() -> Alive:
    """For whoever restarts what does not answer; needs no token and tells nothing else."""
    return Alive()


@router.get(
    "/api/v1/health",
    responses=problems() | {503: {"model": Readiness, "description": "It is not ready: `problems` says why."}},
    summary="Whether it is ready",
)
def health(request: Request, response: Response, who: Viewer) -> Readiness:  # noqa: ARG001
    """Ready where the store answers and no source is down; 503 where not."""
    service = service_of(request)
    status = service.status()
    wrong = [*status.problems, *_store_problem(service)]
    wrong += [f"{source.name}: {problem}" for source in status.sources for problem in source.problems]
    wrong += [f"{worker.name}: {problem}" for worker in status.workers for problem in worker.problems]
    down = [source.name for source in status.sources if source.state is State.DOWN]
    down += [worker.name for worker in status.workers if worker.state is State.DOWN]
    wrong += [f"{name} is down" for name in down]
    is_ready = not down and not _store_problem(service) and status.state not in {State.STARTING, State.DOWN}
    if not is_ready:
        response.status_code = 503
    return Readiness(ready=is_ready, state=status.state, problems=list(dict.fromkeys(wrong)))


@router.get("/api/v1/status", responses=problems(), summary="How all of it is")
def status(request: Request, who: Viewer) -> Status:  # noqa: ARG001
    """Sources, workers and outputs, with what each has counted since it began."""
    return service_of(request).status()


def _store_problem(service: Service) -> list[str]:
    try:
        service.store.check()
    except OddflowError as error:
        return [str(error)]
    return []
