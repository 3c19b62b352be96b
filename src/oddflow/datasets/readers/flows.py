"""Captures and logs of any kind as labelled flows: by their own labels, a truth, or the section's.

A flow is what the truth says; else what a rule of its section says, what its own record says, what its section says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.datasets.description import DataSet
from oddflow.datasets.description import Kind as SetKind
from oddflow.datasets.readers.packet_labels import packet_labels
from oddflow.datasets.readers.packet_truth import PacketTruth
from oddflow.datasets.readers.piece import ENDS, Piece, Task
from oddflow.datasets.truth import GroundTruth
from oddflow.features.columns import integers
from oddflow.features.context import ContextSettings
from oddflow.features.full import FULL
from oddflow.features.homes import PRIVATE
from oddflow.features.ordering import in_end_order
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads, Representation
from oddflow.features.scored import scored
from oddflow.features.versions import represented, version_that_shows
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.source import read_flows
from oddflow.schema import FLOW_SCHEMA

LABEL = FLOW_SCHEMA.get_field_index("label")


def labels_in(batch: pa.RecordBatch, default: str) -> pa.RecordBatch:
    """The batch with a default label where it has none."""
    if not default:
        return batch
    filled = pc.fill_null(batch.column("label"), default)
    return batch.set_column(LABEL, FLOW_SCHEMA.field(LABEL), filled)


@dataclass(slots=True)
class _Rules:
    """The labels of a section, as its rules and its label give them."""

    default: str
    rules: GroundTruth = field(default_factory=GroundTruth)

    @classmethod
    def of(cls, task: Task) -> "_Rules":
        rules = ((rule.src_ip, rule.dst_ip, rule.label) for rule in task.section.rules)
        return cls(task.section.label, GroundTruth.of_rules(rules))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with labels."""
        return labels_in(self.rules.labelled(batch), self.default)


def labelled_flows(task: Task, settings: MeterSettings | None = None) -> Iterator[pa.RecordBatch]:
    """Flow batches of a section with their labels, in the order of the source."""
    by_rules = _Rules.of(task)
    if task.truth is None:
        for batch in read_flows(str(task.path), task.ledger, settings=settings):
            yield by_rules(batch)
        return
    truth = GroundTruth.read(str(task.truth))
    for batch in read_flows(str(task.path), task.ledger, settings=settings):
        yield by_rules(truth.labelled(batch))
    for said in truth.report().told():
        task.ledger.noted(f"{task.truth}: {said}")


def packet_labelled_flows(task: Task, settings: MeterSettings | None = None) -> Iterator[pa.RecordBatch]:
    """Flow batches of a capture with a label for each packet: a flow is normal where all its packets are.

    Raises:
        InputError: The labels are not those of the capture's packets.
    """
    normal, *attacks = task.section.names
    truth = PacketTruth.read(task.path, packet_labels(task.truth, task.section.names), attacks) if task.truth else None
    for batch in read_flows(str(task.path), task.ledger, settings=settings):
        yield labels_in(truth.labelled(batch) if truth else batch, normal)
    if truth:
        for said in truth.told():
            task.ledger.noted(f"{task.truth}: {said}")


def read(task: Task) -> Iterator[Piece]:
    """Rows of flows, in the order in which they ended; portable features where the source knows no more."""
    yield from pieces(labelled_flows(task), representation_of(version_of(task.reads, task.known)))


def read_packets(task: Task) -> Iterator[Piece]:
    """The same of a capture with a label for each packet."""
    yield from pieces(packet_labelled_flows(task), representation_of(version_of(task.reads, task.known)))


def version_of(reads: Reads, known: DataSet) -> str:
    """The representation of a set's flows that shows this of them; captures know more of their statistics than logs."""
    return version_that_shows(reads, PORTABLE if known.kind is SetKind.FLOWS else FULL)


def representation_of(version: str, payload: Payload = Payload.SESSION) -> Representation:
    """A fresh representation, all else of it as is usual."""
    return represented(version, homes=PRIVATE, context=ContextSettings(), payload=payload)


def pieces(
    flows: Iterator[pa.RecordBatch], representation: Representation, settings: MeterSettings | None = None
) -> Iterator[Piece]:
    """Flows of one source, in any order, as feature rows with their labels, times and ends."""
    wait_s = (settings or MeterSettings()).longest_wait_s
    for batch in in_end_order(scored(flows), wait_s=wait_s):
        yield Piece(
            x=representation.rows(batch),
            features=representation.features,
            labels=pc.fill_null(batch.column("label"), ""),
            times_ns=integers(batch, "end"),
            ends=pa.Table.from_batches([batch.select(list(ENDS))]),
        )
