"""How the service is, as Prometheus reads it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from oddflow.server.access.guard import Scraper
from oddflow.server.status import LATENCY_BOUNDS_S, SCORE_SHARES, SourceStatus, State, Status
from oddflow.server.web.answers import problems
from oddflow.server.web.service import service_of

router = APIRouter(tags=["health"])

UP = {State.RUNNING, State.DEGRADED}

COUNTERS: dict[str, tuple[str, Callable[[SourceStatus], float]]] = {
    "input_bytes": ("Bytes of the packets that were read, as on the wire.", lambda one: one.bytes),
    "flows": ("Flows that ended.", lambda one: one.flows),
    "evicted_flows": ("Flows ended early: too many were open.", lambda one: one.evicted_flows),
    "judged_flows": ("Flows that were scored.", lambda one: one.judged),
    "stored_flows": ("Flows that were written to disk.", lambda one: one.stored_flows),
    "alerts": ("Flows over the threshold.", lambda one: one.alerts),
    "hidden_alerts": ("Alerts that feedback hid.", lambda one: one.hidden_alerts),
    "shipped_flows": ("Flows that were given to a stream.", lambda one: one.shipped_flows),
}
GAUGES: dict[str, tuple[str, Callable[[SourceStatus], float]]] = {
    "open_flows": ("Flows open now.", lambda one: one.open_flows),
    "queued_flows": ("Flows that wait to be judged.", lambda one: one.queued_flows),
    "waiting_alerts": ("Alerts that wait for the store.", lambda one: one.waiting_alerts),
    "waiting_records": ("Records of flows that wait for a stream.", lambda one: one.waiting_records),
    "threshold_score": ("The score from which on a flow is an alert.", lambda one: one.threshold),
    "drifts": ("In how many ways traffic differs from what the model learnt.", lambda one: len(one.drift)),
    "source_up": ("1 where flows come in.", lambda one: one.state in UP),
}


@router.get(
    "/metrics",
    response_class=Response,
    responses=problems() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Metrics for Prometheus",
)
def metrics(request: Request, who: Scraper) -> Response:  # noqa: ARG001
    """Counters, gauges and histograms of all sources, workers and outputs; takes the scope `metrics`."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    registry = CollectorRegistry()
    registry.register(StatusCollector(service_of(request).status()))
    return Response(encode(registry), headers={"Content-Type": media_type})


class StatusCollector(Collector):
    """Makes metrics of how all is at one moment."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """All families, each with its samples."""
        yield from self._of_service()
        yield from self._of_sources()
        yield from self._of_workers()
        yield from self._of_outputs()

    def _of_service(self) -> Iterable[Metric]:
        status = self._status
        yield InfoMetricFamily("oddflow_build", "What runs.", {"version": status.version, "sensor": status.sensor})
        yield GaugeMetricFamily("oddflow_up", "1 where the service does what it is for.", float(status.state in UP))
        yield GaugeMetricFamily("oddflow_start_time_seconds", "When it began, seconds since 1970.", status.since_s)
        yield GaugeMetricFamily("oddflow_store_up", "1 where the store answers.", float(status.store == "running"))
        yield GaugeMetricFamily("oddflow_problems", "How much is wrong with the service.", len(status.problems))

    def _of_sources(self) -> Iterable[Metric]:
        sources = self._status.sources
        for name, (meaning, value) in COUNTERS.items():
            yield _counter(name, meaning, "source", [(one.name, value(one)) for one in sources])
        for name, (meaning, value) in GAUGES.items():
            yield _gauge(name, meaning, "source", [(one.name, value(one)) for one in sources])
        for unit in ("packets", "records"):
            here = [one for one in sources if one.unit == unit]
            came = f"{unit.capitalize()} that came in: metered and lost."
            yield _counter(unit, came, "source", [(one.name, one.packets) for one in here])
            used = f"{unit.capitalize()} that reached a flow."
            yield _counter(f"metered_{unit}", used, "source", [(one.name, one.metered) for one in here])
            lost = CounterMetricFamily(
                f"oddflow_lost_{unit}", f"{unit.capitalize()} that were not metered, by reason.",
                labels=("source", "reason"),
            )  # fmt: skip
            for one in here:
                for reason, number in one.lost.items():
                    lost.add_metric((one.name, reason), number)
            yield lost
        shed = CounterMetricFamily(
            "oddflow_shed", "What was not done for lack of time, or of room on the disk.", labels=("source", "what")
        )
        for one in sources:
            for what, number in one.shed.items():
                shed.add_metric((one.name, what), number)
        yield shed
        yield _histogram(
            "oddflow_latency_seconds", "From the end of a flow's record to its verdict stored.",
            LATENCY_BOUNDS_S, [(one.name, one.latency) for one in sources],
        )  # fmt: skip
        yield _histogram(
            "oddflow_score_ratio", "Scores of flows, as multiples of the threshold.",
            SCORE_SHARES, [(one.name, one.scores) for one in sources],
        )  # fmt: skip
        lag = GaugeMetricFamily(
            "oddflow_stream_lag_records", "Records of a stream's partition that wait to be judged here.",
            labels=("source", "partition"),
        )  # fmt: skip
        for one in sources:
            for partition, number in one.lag.items():
                lag.add_metric((one.name, partition), number)
        yield lag
        told = GaugeMetricFamily(
            "oddflow_model_info", "1: which model judges a source.", labels=("source", "model", "fingerprint")
        )
        for one in sources:
            if one.model:
                told.add_metric((one.name, one.model, one.model_fingerprint), 1)
        yield told

    def _of_workers(self) -> Iterable[Metric]:
        workers = self._status.workers
        yield _gauge("worker_up", "1 where a process runs.", "worker", [(one.name, one.state in UP) for one in workers])
        yield _counter(
            "worker_restarts", "How often a process was started anew.", "worker",
            [(one.name, one.restarts) for one in workers],
        )  # fmt: skip
        yield _gauge(
            "worker_memory_bytes", "Memory of a process, its share of what is shared included.", "worker",
            [(one.name, one.memory_bytes) for one in workers],
        )  # fmt: skip

    def _of_outputs(self) -> Iterable[Metric]:
        outputs = self._status.outputs
        counted = (
            ("delivered", "Messages that a receiver took."),
            ("shed", "Messages that did not fit in a receiver's queue."),
            ("refused", "Messages that a receiver refused for good."),
        )
        for name, meaning in counted:
            told = [(one.to, float(getattr(one, name))) for one in outputs]
            yield _counter(f"output_{name}_messages", meaning, "output", told)
        waiting = [(one.to, one.waiting) for one in outputs]
        yield _gauge("output_waiting_messages", "Messages that wait for a receiver.", "output", waiting)


def _counter(name: str, meaning: str, label: str, told: Sequence[tuple[str, float]]) -> Metric:
    family = CounterMetricFamily(f"oddflow_{name}", meaning, labels=(label,))
    for who, value in told:
        family.add_metric((who,), value)
    return family


def _gauge(name: str, meaning: str, label: str, told: Sequence[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"oddflow_{name}", meaning, labels=(label,))
    for who, value in told:
        family.add_metric((who,), float(value))
    return family


def _histogram(name: str, meaning: str, bounds: Sequence[float], told: Sequence[tuple[str, Sequence[int]]]) -> Metric:
    """Buckets alone: nobody keeps the sum."""
    family = HistogramMetricFamily(name, meaning, labels=("source",))
    for who, counts in told:
        whole = [*counts, *[0] * (len(bounds) + 1 - len(counts))]
        edges = [*map(floatToGoString, bounds), "+Inf"]
        family.add_metric((who,), list(zip(edges, accumulate(whole), strict=True)), None)
    return family
