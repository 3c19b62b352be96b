"""The front door in Python: flows, learn, detect.

>>> import oddflow
>>> capture = oddflow.examples() / "office-incident.pcap.zst"
>>> sum(batch.num_rows for batch in oddflow.flows(capture)) > 1000
True
"""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oddflow.errors import UsageError
from oddflow.features.context import ContextSettings
from oddflow.features.gathering import Gathered
from oddflow.features.gathering import gather as gather_rows
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import Progress, read_flows
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget
from oddflow.verdicts.detecting import detect as detect_in
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.truth import GroundTruth

if TYPE_CHECKING:
    from oddflow.training.learn import EpochTold

Source = str | PathLike[str]


def flows(
    *sources: Source, settings: MeterSettings | None = None, ledger: Ledger | None = None
) -> Iterator[pa.RecordBatch]:
    """Meters captures (or reads flow tables) into Arrow record batches of `oddflow.schema.FLOW_SCHEMA`.

    Args:
        sources: Paths, or "-" for standard input.
        settings: How flows are cut.
        ledger: Told of all that is lost.

    Raises:
        InputError: A source cannot be used.
    """
    told = ledger if ledger is not None else Ledger()
    for source in sources:
        yield from read_flows(fspath(source), told, settings=settings)


def gather(
    *sources: Source,
    settings: MeterSettings | None = None,
    home_networks: Sequence[str] | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Reads a baseline into feature rows, in end order and bounded memory."""
    tabular = Tabular.of(HomeNetworks(home_networks or PRIVATE), ContextSettings())
    return gather_rows(
        [fspath(source) for source in sources],
        tabular,
        settings=settings or MeterSettings(),
        ledger=ledger if ledger is not None else Ledger(),
        progress=progress,
    )
