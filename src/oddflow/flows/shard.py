"""A meter of a share of all flows, which hands them out as it holds them, with what tells their place among all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from oddflow.flows import _layout as layout
from oddflow.flows.handing_out import TAGS, tags_of
from oddflow.flows.meter import Meter
from oddflow.flows.picking import copied, first_of
from oddflow.flows.table import behaviour_columns


@dataclass(frozen=True, slots=True)
class ShardFlows:
    """Flows of one shard that have ended.

    Attributes:
        finished: n of them.
        told: n rows of what tells their order among those of all shards, `handing_out.TAGS`, and how their hosts
            behave, for `HostBehaviour.names`.
    """

    finished: layout.Finished
    told: pa.RecordBatch


class ShardMeter(Meter):
    """As a meter is; flows are not made columns, and nobody can say here how their hosts behave."""

    def finished(self) -> Iterator[Any]:
        """The flows that have ended since the last ones, if any, as `ShardFlows`."""
        count = int(self._meter[layout.DONE_COUNT])
        if count:
            self._restart()
            tags = tags_of(self._finished.flows[:count], self._limits)
            known = behaviour_columns(self._finished, count)
            told = pa.RecordBatch.from_arrays([*tags.columns, *known.columns], schema=pa.schema([*TAGS, *known.schema]))
            yield ShardFlows(copied(first_of(self._finished, count)), told)
