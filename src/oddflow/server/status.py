"""How the service's processes are, as each of them tells it; what pages, API and metrics show."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LATENCY_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets of a latency histogram; one more takes the rest."""
SCORE_SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)
"""Upper bounds of the buckets of scores, as multiples of the threshold; one more takes the rest."""


class State(StrEnum):
    """How a worker or a source is."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    """It works, and something is wrong: its `problems` say what."""
    DOWN = "down"
    STOPPING = "stopping"


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SourceStatus(_Told):
    """A source: what its processes have counted since they began, restarts included.

    Attributes:
        unit: Of what comes in: packets, or records.
        packets, metered, bytes: What came in, and of it what was metered; the rest is in `lost`, by reason.
        flows, open_flows, evicted_flows: Ended, open now, ended early for lack of room.
        judged: Flows that were scored.
        alerts, hidden_alerts: Shown, and hidden by feedback.
        stored_flows: Flows that are on disk.
        shed: What was not done for lack of time or of room on the disk, by what it is.
        queued_flows: Flows that wait to be judged.
        waiting_alerts: Alerts that wait for the store.
        shipped_flows: Flows that were given to the stream, to be judged elsewhere.
        waiting_records: Of these, records that wait on the disk for the stream to take them.
        lag: Of a stream, records of each partition that is judged here which wait, by its number.
        latency: From the end of a flow's record to its verdict stored, counts by LATENCY_BOUNDS_S.
        scores: Counts by SCORE_SHARES.
        threshold: The score from which on a flow is an alert.
        budget: What was asked, in words.
        model: What judges: "office@3" or a file; empty where nothing does.
        drift: How traffic differs from what the model learnt, in words.
        problems: What is wrong now, in words, each with what to do.
    """

    name: str
    kind: str = ""
    where: str = ""
    state: State = State.STARTING
    unit: str = "packets"
    since_s: float = 0.0
    told_s: float = 0.0
    """When it said this; seconds since 1970."""
    packets: int = 0
    metered: int = 0
    bytes: int = 0
    flows: int = 0
    open_flows: int = 0
    evicted_flows: int = 0
    judged: int = 0
    alerts: int = 0
    hidden_alerts: int = 0
    stored_flows: int = 0
    lost: dict[str, int] = {}
    shed: dict[str, int] = {}
    queued_flows: int = 0
    waiting_alerts: int = 0
    shipped_flows: int = 0
    waiting_records: int = 0
    lag: dict[str, int] = {}
    latency: list[int] = []
    scores: list[int] = []
    threshold: float = 0.0
    expected_false: float | None = None
    """Of the normal flows, the share that may be alerts."""
    budget: str = ""
    model: str = ""
    model_fingerprint: str = ""
    drift: list[str] = []
    problems: list[str] = []


class WorkerStatus(_Told):
    """A process."""

    name: str
    kind: str
    pid: int = 0
    state: State = State.STARTING
    restarts: int = 0
    since_s: float = 0.0
    told_s: float = 0.0
    memory_bytes: int = 0
    problems: list[str] = []


class OutputStatus(_Told):
    """A receiver of alerts."""

    to: str
    delivered: int = 0
    waiting: int = 0
    shed: int = 0
    refused: int = 0
    problem: str = ""


class Status(_Told):
    """The service."""

    sensor: str = "sensor"
    version: str = ""
    since_s: float = 0.0
    state: State = State.STARTING
    sources: Annotated[list[SourceStatus], Field(default_factory=list)]
    workers: Annotated[list[WorkerStatus], Field(default_factory=list)]
    outputs: Annotated[list[OutputStatus], Field(default_factory=list)]
    store: str = "running"
    """Or why it is not."""
    problems: list[str] = []
    """What is wrong with the service as a whole."""
