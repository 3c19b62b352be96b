"""A service's state from captures, by the road that live traffic takes: for a look, for tests, for figures.

Nothing here is made up: a model is learnt from the one capture and judges the other; only times are moved, so that
what was recorded then looks like today, and alerts say so.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import time_ns

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow import __version__, api
from oddflow.features.columns import integers
from oddflow.features.ordering import in_end_order
from oddflow.features.scored import scored
from oddflow.logs.privacy import OPEN
from oddflow.logs.source import arrange, read_flows
from oddflow.losses import Ledger
from oddflow.models.registry.registry import Registry
from oddflow.models.sealed import SealedModel
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.settings.settings import Settings, SourceSection
from oddflow.server.status import LATENCY_BOUNDS_S, SCORE_SHARES, SourceStatus, State, Status, WorkerStatus
from oddflow.server.store.store import Store
from oddflow.server.web.service import Service
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Alerting, OneModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.detection import Threshold
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.prepared import Prepared

NAME, SENSOR = "office", "example"
BASELINE, INCIDENT = "office-baseline.pcap.zst", "office-incident.pcap.zst"
MINUTE_NS = 60 * 1_000_000_000
DAY_NS = 1_440 * MINUTE_NS


@dataclass(slots=True)
class Filled:
    """What a capture brought.

    Attributes:
        told: How its source is, as a running one would tell it.
        alerts: What was put in the store.
        threshold: From which score on.
    """

    told: SourceStatus
    alerts: list[Alert] = field(default_factory=list)
    threshold: Threshold | None = None


def example_settings(state: Path, *, port: int = 8470, requests_per_s: float = 50.0) -> Settings:
    """Those of a service that watches the office of the examples."""
    return Settings.model_validate(
        {
            "service": {"name": SENSOR, "state": str(state)},
            "web": {"listen": f"127.0.0.1:{port}", "requests_per_s": requests_per_s},
            "sources": [{"name": NAME, "folder": str(state / "captures"), "model": NAME}],
        }
    )


def put_model(registry: Registry, place: Path, name: str = NAME) -> SealedModel:
    """Adds a sealed file to the registry, and makes it the active one of a name."""
    model = SealedModel.load(place)
    told = {"fingerprint": model.fingerprint, "detector": model.manifest.detector, "signer": ""}
    why = "learnt from the example of a quiet office"
    version = registry.add(place.read_bytes(), told, name=name, file=place.name, reason=why)
    registry.promote(name, version.number, reason=why, force=True)
    return model


def fill(
    settings: Settings,
    store: Store,
    flows: FlowStore,
    model: SealedModel,
    *,
    captures: Sequence[tuple[Path, int]] | None = None,
    now_ns: int | None = None,
) -> Filled:
    """Judges captures and keeps what comes of it, as the processes of a service do.

    Args:
        settings: Whose first source it is.
        store: Takes alerts, incidents and measures.
        flows: Takes flows.
        model: Judges.
        captures: Each with when its last flow shall have ended, ns since 1970; the quiet office a day ago and the
            attacked one two minutes ago unless given.
        now_ns: What is now.
    """
    now = time_ns() if now_ns is None else now_ns
    source = settings.sources[0]
    folder = api.examples()
    wanted = captures or [(folder / BASELINE, now - DAY_NS), (folder / INCIDENT, now - 2 * MINUTE_NS)]
    run = _Run(settings, store, flows, model, source)
    for capture, end_ns in wanted:
        run.add(capture, end_ns)
    return run.close(now)


def status_of(settings: Settings, filled: Filled) -> Status:
    """How the service of a filled state would be, had it just judged all of it."""
    workers = [
        WorkerStatus(name=f"{kind}-{NAME}", kind=kind, pid=1, state=State.RUNNING, memory_bytes=120 << 20)
        for kind in ("capture", "judge")
    ]
    workers += [WorkerStatus(name=kind, kind=kind, pid=1, state=State.RUNNING) for kind in ("keeper", "outputs", "web")]
    told = filled.told
    return Status(
        sensor=settings.service.name,
        version=__version__,
        since_s=told.since_s,
        state=State.RUNNING,
        sources=[told],
        outputs=[],
        workers=[worker.model_copy(update={"since_s": told.since_s, "told_s": told.told_s}) for worker in workers],
    )


def filled_service(state: Path, *, port: int = 8470, requests_per_s: float = 50.0) -> Service:
    """A service over a state of its own that is filled from the examples: the quiet office is learnt, and judges."""
    settings = example_settings(state, port=port, requests_per_s=requests_per_s)
    state.mkdir(parents=True, exist_ok=True)
    store = Store.open(settings.store_url)
    flows = FlowStore(settings.flows_folder)
    registry = Registry(settings.registry_folder)
    learnt = state / f"{NAME}.oddflow"
    api.learn(api.examples() / BASELINE, output=learnt, detector="robust-pca")
    status = status_of(settings, fill(settings, store, flows, put_model(registry, learnt)))
    return Service(settings, store, flows, registry, lambda: status)


class _Run:
    """What gathers while captures pass."""

    def __init__(
        self, settings: Settings, store: Store, flows: FlowStore, model: SealedModel, source: SourceSection
    ) -> None:
        self._settings, self._store, self._model, self._source = settings, store, model, source
        self._writer = flows.writer(source.name)
        wanted = Budget.parse(DEFAULT_BUDGET)
        calibration = Calibration(model.sample)
        self._threshold = set_threshold(model.held_back, wanted, model.manifest.flows_per_s, calibration)
        self._alerting = Alerting(
            OneModel(model),
            model.held_back,
            self._threshold.score,
            calibration=calibration,
            collective=Collective.of(model, wanted),
        )
        self._ledger = Ledger()
        self._alerts: list[Alert] = []
        self._scores: Counter[int] = Counter()
        self._measures: dict[int, Counter[str]] = {}
        self._flows = self._first_ns = self._bytes = 0

    def add(self, capture: Path, end_ns: int) -> None:
        """One capture, its last flow ending then."""
        prepared = Prepared.of(self._model.manifest, OPEN)
        representation = prepared.representation(self._model)
        incidents = Incidents(self._threshold.score)
        found: list[tuple[Alert, int]] = []
        (arranged,) = arrange([str(capture)], self._ledger)
        whole = list(
            in_end_order(
                scored(read_flows(arranged, self._ledger, settings=prepared.settings), arp=representation.has_arp),
                wait_s=prepared.settings.longest_wait_s,
            )
        )
        moved_ns = end_ns - max(int(integers(batch, "end").max()) for batch in whole)
        told = f"{capture.name} (recorded; its times are moved to these)"
        for batch in whole:
            judged = self._alerting.judged(_moved(batch, moved_ns), representation, arranged, "")
            self._writer.add(judged.flows, judged.scores, judged.over)
            self._count(judged.flows, judged.scores, judged.over)
            found += [(replace(alert, source=told), incidents.add(alert)) for alert in judged.alerts]
        known = incidents.incidents()
        alerts = [replace(alert, incident=incidents.id_of(strand)) for alert, strand in found]
        top = [replace(one, top=tuple(replace(alert, source=told) for alert in one.top)) for one in known]
        self._store.alerts.put(self._settings.service.name, self._source.name, alerts, top)
        self._alerts += alerts

    def close(self, now_ns: int) -> Filled:
        """Writes the measures; gives how the source is."""
        self._writer.flush()
        self._writer.close()
        for minute, values in sorted(self._measures.items()):
            told = {"latency_p50_s": 0.02, "latency_p99_s": 0.1} | {name: float(n) for name, n in values.items()}
            self._store.measures.add(self._settings.service.name, self._source.name, minute * 60, told)
        now_s = now_ns / 1e9
        told_source = SourceStatus(
            name=self._source.name,
            kind=self._source.kind,
            where=self._source.where,
            state=State.RUNNING,
            since_s=(self._first_ns or now_ns) / 1e9,
            told_s=now_s,
            packets=self._ledger.total,
            metered=self._ledger.metered,
            bytes=self._bytes,
            flows=self._flows,
            judged=self._flows,
            alerts=len(self._alerts),
            stored_flows=self._flows,
            lost=dict(self._ledger.reasons),
            latency=[self._flows, *[0] * len(LATENCY_BOUNDS_S)],
            scores=[self._scores[place] for place in range(len(SCORE_SHARES) + 1)],
            threshold=self._threshold.score,
            expected_false=self._threshold.expected_false,
            budget=self._threshold.budget,
            model=f"{NAME}@1",
            model_fingerprint=self._model.fingerprint,
        )
        return Filled(told_source, self._alerts, self._threshold)

    def _count(self, flows: pa.RecordBatch, scores: NDArray[np.float32], over: NDArray[np.bool_]) -> None:
        starts, ends = integers(flows, "start"), integers(flows, "end")
        self._first_ns = min(self._first_ns or int(starts.min()), int(starts.min()))
        self._flows += flows.num_rows
        self._scores.update(np.searchsorted(SCORE_SHARES, scores / self._threshold.score).tolist())
        packets = sum(integers(flows, name) for name in ("forward_packets", "reverse_packets"))
        sizes = sum(integers(flows, name) for name in ("forward_bytes", "reverse_bytes"))
        self._bytes += int(np.sum(sizes))
        for minute in np.unique(ends // MINUTE_NS):
            here = ends // MINUTE_NS == minute
            counted = {"flows": here, "judged": here, "alerts": here & over, "packets": packets * here}
            values = self._measures.setdefault(int(minute), Counter())
            values.update({name: int(np.sum(each)) for name, each in (counted | {"bytes": sizes * here}).items()})


def _moved(flows: pa.RecordBatch, by_ns: int) -> pa.RecordBatch:
    """The same flows at another time."""
    columns = dict(zip(flows.schema.names, flows.columns, strict=True))
    for name in ("start", "end"):
        kind = flows.schema.field(name).type
        columns[name] = pa.array(integers(flows, name) + by_ns, pa.int64()).cast(kind)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=flows.schema)
