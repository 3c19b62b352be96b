"""How the service is, put together from what its processes tell."""

import time
from typing import Any

from oddflow import __version__
from oddflow.server.status import OutputStatus, SourceStatus, State, Status, WorkerStatus
from oddflow.server.work import layout
from oddflow.server.work.layout import Shared
from oddflow.server.work.problem import Problem, texts
from oddflow.server.work.teller import problems_of, read

BAD = {State.DEGRADED, State.DOWN}


def status_of(shared: Shared) -> Status:
    """How all is now; cheap, and asked of by any process."""
    supervisor = read(shared.board, layout.SUPERVISOR)
    keeper = read(shared.board, layout.KEEPER)
    told = read(shared.board, layout.OUTPUTS)
    sources = [source_status(shared, place) for place in range(len(shared.settings.sources))]
    workers = [WorkerStatus(**one) for one in supervisor.get("workers", ())]
    problems = texts([*problems_of(supervisor), *problems_of(keeper), *problems_of(told)])
    state = State(supervisor.get("state", State.STARTING))
    states = {one.state for one in sources} | {one.state for one in workers}
    if state is State.RUNNING and (problems or states & BAD):
        state = State.DEGRADED
    return Status(
        sensor=shared.settings.service.name,
        version=__version__,
        since_s=supervisor.get("since_s", time.time()),
        state=state,
        sources=sources,
        workers=workers,
        outputs=[OutputStatus(**one) for one in told.get("outputs", ())],
        store=keeper.get("store", "running"),
        problems=problems,
    )


def source_status(shared: Shared, place: int) -> SourceStatus:
    """How the n-th source is: what its capture, its judge and the supervisor say."""
    source = shared.settings.sources[place]
    judge = read(shared.board, layout.judge_slot(place))
    # who reads a stream is both
    capture = judge if source.kind == "stream" else read(shared.board, layout.capture_slot(place))
    problems = source_problems(shared, place)
    known = SourceStatus.model_fields
    told: dict[str, Any] = {
        name: value
        for one in (judge, capture)
        for name, value in one.items()
        if name in known and name not in ("problems", "state", "lost")
    }
    return SourceStatus.model_validate(
        told
        | {
            "name": source.name,
            "kind": source.kind,
            "where": source.where,
            "state": _state(capture, judge, problems),
            "lost": capture.get("lost", {}) | _perished(shared, place),
            "queued_flows": shared.counters.queued(place) + judge.get("queued_flows", 0) * (source.kind == "stream"),
            "problems": texts(problems),
        }
    )


def source_problems(shared: Shared, place: int) -> list[Problem]:
    """All that is wrong with a source."""
    name = shared.settings.sources[place].name
    by_source = read(shared.board, layout.SUPERVISOR).get("sources", {})
    found = [Problem.of(one) for one in by_source.get(name, ())]
    found += problems_of(read(shared.board, layout.capture_slot(place)))
    found += problems_of(read(shared.board, layout.judge_slot(place)))
    return [problem for problem in found if problem is not None]


def _state(capture: dict[str, Any], judge: dict[str, Any], problems: list[Problem]) -> State:
    states = {one.get("state", State.STARTING) for one in (capture, judge)}
    if any(problem.code in ("worker", "interface") for problem in problems):
        return State.DOWN
    for state in (State.STOPPING, State.STARTING):
        if state in states:
            return state
    return State.DEGRADED if problems or State.DEGRADED in states else State.RUNNING


def _perished(shared: Shared, place: int) -> dict[str, int]:
    from oddflow.server.work.counters import Count  # noqa: PLC0415

    lost = int(shared.counters.of(place)[Count.PERISHED])
    return {"flows that a process took with it when it ended early": lost} if lost else {}
