"""The example incident's flows, and a store that holds them over several hours of two days."""

import time

import numpy as np
import pyarrow as pa
import pytest

from oddflow.files import examples_folder
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.server.flowstore.flow_store import FlowStore
from tests.server.flowstore.made import DAY, HOUR_NS, spread, write

SOURCES = ("lan", "wan")


@pytest.fixture(scope="session")
def flows():
    """All flows of the example incident: (8938, columns)."""
    batches = list(read_flows(str(examples_folder() / "office-incident.pcap.zst"), Ledger()))
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


@pytest.fixture(scope="session")
def some(flows):
    """600 of them, from all over it, over ten hours of two days, and a score for each."""
    chosen = np.linspace(0, flows.num_rows - 1, 600).astype(int)
    kept = spread(flows.take(pa.array(chosen)), hours=10, first=DAY * 24 + 19)
    return kept, np.random.default_rng(8).exponential(1, 600).astype(np.float32).round(3)


@pytest.fixture(scope="session")
def filled(some, tmp_path_factory):
    """A store of them by two sources; never written to again."""
    folder = tmp_path_factory.mktemp("state") / "flows"
    write(folder, *some, sources=SOURCES)
    return folder


@pytest.fixture(scope="session")
def store(filled):
    with FlowStore(filled) as opened:
        yield opened


@pytest.fixture
def now_s():
    """A day after the last flow was stored, and five after it ended."""
    return max(time.time() + 86_400, (DAY + 5) * 24 * HOUR_NS / 1e9)
