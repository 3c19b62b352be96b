"""Memory: who has another's goes on as that one would have."""

import numpy as np
import pyarrow as pa
import pytest

from oddflow import api
from oddflow.errors import InputError
from oddflow.features import packet_columns
from oddflow.features.columns import integers
from oddflow.features.context import ContextSettings
from oddflow.features.homes import PRIVATE
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.features.representation import Reads
from oddflow.features.versions import _READS, _TABULAR, reads_of, represented
from oddflow.features.windows import TIMES, WINDOWED
from oddflow.flows.settings import Payload
from oddflow.logs.privacy import OPEN
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.models.format import read_sealed
from oddflow.models.sealed import SealedModel
from oddflow.server.filling import BASELINE, INCIDENT
from oddflow.verdicts.budget import Budget, set_threshold
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.memory import memory_of, remind
from oddflow.verdicts.prepared import Prepared
from oddflow.verdicts.watching import Watcher

VERSIONS = sorted({*_TABULAR, *_READS} - {packet_columns.VERSION})


@pytest.fixture(scope="module")
def batches() -> list[pa.RecordBatch]:
    """Flows of the attacked office, as they end."""
    flows = pa.Table.from_batches(list(read_flows(str(api.examples() / INCIDENT), Ledger()))).sort_by("end")
    return [flows.slice(at, 250).combine_chunks().to_batches()[0] for at in range(0, 2_000, 250)]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SealedModel:
    """The quiet office, by what is quickest to learn."""
    place = tmp_path_factory.mktemp("model") / "office.oddflow"
    api.learn(api.examples() / BASELINE, output=place, detector="robust-pca")
    return SealedModel(read_sealed(str(place)))


def fresh_rows(version: str):
    """A representation that has seen nothing."""
    context = {**ContextSettings().as_dict(), "windows_told": list(TIMES)} if version in WINDOWED else None
    if reads_of(version) is Reads.MATRIX:
        context = MatrixSettings().as_dict()
    return represented(version, homes=PRIVATE, context=context, payload=Payload.SESSION)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_representation_goes_on_where_it_was(version, batches):
    one, other = fresh_rows(version), fresh_rows(version)
    for batch in batches[:4]:
        one.rows(batch)
    remind(other, memory_of(one))
    for batch in batches[4:]:
        np.testing.assert_array_equal(one.rows(batch), other.rows(batch))
    assert one.remarks() == other.remarks()
    assert one.incomplete == other.incomplete


def fresh(model: SealedModel, **more: object) -> Watcher:
    """A watcher that has seen nothing."""
    budget = Budget.of_share(0.01)
    return Watcher(
        model, Prepared.of(model.manifest, OPEN).representation(model), promised=0.01, patience_s=30.0,
        source="x", collective=Collective.of(model, budget),
        threshold=set_threshold(model.held_back, budget, model.manifest.flows_per_s).score, **more,
    )  # fmt: skip


@pytest.mark.parametrize("discovers", [False, True])
def test_a_watcher_goes_on_where_it_was(discovers, model, batches):
    more = {"discovery": OnlineDiscovery(0.2)} if discovers else {}
    one, told = fresh(model, **more), 0
    for batch in batches[:4]:
        one.add(batch)
        told += len(one.alerts(int(integers(batch, "end").max())))
    other = fresh(model, **({"discovery": OnlineDiscovery(0.2)} if discovers else {}))
    remind(other, memory_of(one))
    assert other.waiting == one.waiting > 0
    for batch in batches[4:]:
        seen_ns = int(integers(batch, "end").max())
        for watcher in (one, other):
            watcher.add(batch)
        alerts = one.alerts(seen_ns)
        assert other.alerts(seen_ns) == alerts
        told += len(alerts)
    assert told > 10 or discovers
    assert not discovers or one._alerting.discovery.level(9_999) == other._alerting.discovery.level(9_999)
    assert other.incidents() == one.incidents()
    assert other.drifting == one.drifting
    assert other.news() == one.news()


def test_memory_of_another_is_refused(batches):
    one = fresh_rows("tabular-1")
    one.rows(batches[0])
    with pytest.raises(InputError, match="no memory of a Rates"):
        remind(fresh_rows("rates-1"), memory_of(one))
    memory = memory_of(one)
    memory.arrays = [array.astype(np.float32) for array in memory.arrays]
    with pytest.raises(InputError, match="expected int64"):
        remind(fresh_rows("tabular-1"), memory)


def test_what_is_no_memory_is_refused():
    with pytest.raises(TypeError, match="object is no memory"):
        memory_of(object())
