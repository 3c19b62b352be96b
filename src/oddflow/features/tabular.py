"""The tabular representation: a flow's own statistics and its context, as named float32 columns."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features._payload_kernels import describe_payload
from oddflow.features.columns import Floats, binary_parts, integers, numbers, services
from oddflow.features.context import Context, ContextSettings
from oddflow.features.feature import Feature, Scale
from oddflow.features.homes import HomeNetworks

VERSION = "tabular-1"

NO_ANSWER, REFUSED, NO_DATA, ONE_WAY, BOTH_WAYS = 0, 1, 2, 3, 4
OUTCOMES = {
    NO_ANSWER: "no answer", REFUSED: "refused", NO_DATA: "opened without data",
    ONE_WAY: "data one way only", BOTH_WAYS: "data both ways",
}  # fmt: skip

Columns = Callable[[pa.RecordBatch], Floats]


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _duration_s(batch: pa.RecordBatch) -> Floats:
    return np.maximum(0, (integers(batch, "end") - integers(batch, "start")) / 1e9)


def _packets(batch: pa.RecordBatch) -> Floats:
    return numbers(batch, "forward_packets") + numbers(batch, "reverse_packets")


def _bytes(batch: pa.RecordBatch) -> Floats:
    return numbers(batch, "forward_bytes") + numbers(batch, "reverse_bytes")


def _rate_per_s(batch: pa.RecordBatch, total: Floats) -> Floats:
    """0 for a single packet, which has no rate; durations under a millisecond count as one."""
    return np.where(_packets(batch) > 1, total / np.maximum(1e-3, _duration_s(batch)), 0.0)


def _payload_mean(batch: pa.RecordBatch, way: str) -> Floats:
    return _ratio(numbers(batch, f"{way}_payload_bytes"), numbers(batch, f"{way}_payload_packets"))


def _balance(batch: pa.RecordBatch) -> Floats:
    sent, received = numbers(batch, "forward_payload_bytes"), numbers(batch, "reverse_payload_bytes")
    return _ratio(sent - received, sent + received)


def _service(batch: pa.RecordBatch) -> Floats:
    return services(batch).astype(np.float64)  # at most 255 × 65536 + 65535 < 2²⁴: exact in float32


def _outcome(batch: pa.RecordBatch) -> Floats:
    sent, received = numbers(batch, "forward_payload_bytes") > 0, numbers(batch, "reverse_payload_bytes") > 0
    answered = numbers(batch, "reverse_packets") > 0
    refused = numbers(batch, "reverse_rst") > 0
    return np.select(
        [sent & received, sent | received, ~answered, refused], [BOTH_WAYS, ONE_WAY, NO_ANSWER, REFUSED], NO_DATA
    ).astype(np.float64)


def _column(name: str) -> Columns:
    return lambda batch: numbers(batch, name)


LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY

OWN: tuple[tuple[Feature, Columns], ...] = (
    (Feature("service", "", CATEGORY, "service {value}"), _service),
    (Feature("outcome", "", CATEGORY, "outcome: {value}"), _outcome),
    (Feature("duration_s", "s", LOG, "lasted {value}"), _duration_s),
    (Feature("forward_packets", "packets", LOG, "{value} packets sent"), _column("forward_packets")),
    (Feature("reverse_packets", "packets", LOG, "{value} packets received"), _column("reverse_packets")),
    (Feature("forward_payload", "bytes", LOG, "{value} sent"), _column("forward_payload_bytes")),
    (Feature("reverse_payload", "bytes", LOG, "{value} received"), _column("reverse_payload_bytes")),
    (Feature("forward_payload_mean", "bytes", LOG, "{value} a packet sent"), lambda b: _payload_mean(b, "forward")),
    (Feature("reverse_payload_mean", "bytes", LOG, "{value} a packet received"), lambda b: _payload_mean(b, "reverse")),
    (Feature("forward_length_max", "bytes", LOG, "longest packet sent {value}"), _column("forward_length_max")),
    (Feature("reverse_length_max", "bytes", LOG, "longest packet received {value}"), _column("reverse_length_max")),
    (Feature("gap_max_s", "s", LOG, "silent for up to {value}"), lambda b: numbers(b, "gap_max_us") / 1e6),
    (
        Feature("packets_per_s", "packets/s", LOG, "{value} on average"),
        lambda b: _rate_per_s(b, _packets(b)),
    ),
    (
        Feature("bytes_per_s", "bytes/s", LOG, "{value} on average"),
        lambda b: _rate_per_s(b, _bytes(b)),
    ),
    (Feature("balance", "", LINEAR, "balance of bytes sent and received {value}"), _balance),
    (
        # the first SYN and the FINs say whether the capture saw the start and the end, not what the hosts did
        Feature("syn_repeats", "packets", LOG, "{value} repeated SYNs"),
        lambda b: np.maximum(0, numbers(b, "forward_syn") - 1),
    ),
)

BESIDE: tuple[Feature, ...] = (
    Feature("role", "", CATEGORY, "direction: {value}"),
    Feature("payload_entropy", "bits/byte", LINEAR, "payload entropy {value}"),
    Feature("payload_printable", "", LINEAR, "{value} of the payload is readable text"),
)

NEEDED = (
    "forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes", "forward_payload_bytes",
    "reverse_payload_bytes", "forward_payload_packets", "reverse_payload_packets", "forward_length_max",
    "reverse_length_max", "gap_max_us",
    "forward_syn", "reverse_rst", "payload",
)  # fmt: skip


@dataclass(slots=True)
class Tabular:
    """Turns flows, in end order, into feature rows.

    It keeps the context between batches: use one for one stream of flows.
    """

    homes: HomeNetworks = field(default_factory=HomeNetworks)
    context: Context = field(default_factory=Context)

    @classmethod
    def of(cls, homes: HomeNetworks, settings: ContextSettings) -> "Tabular":
        """A fresh representation, with an empty context."""
        return cls(homes, Context(settings))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""
        return (*(feature for feature, _ in OWN), *BESIDE, *self.context.features)

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Feature rows of a flow batch: shape (n, d) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that is needed; which, and what to do.
        """
        absent = [name for name in NEEDED if batch.column(name).null_count == batch.num_rows]
        if absent:
            raise SchemaMismatch(
                f"this source does not know {', '.join(absent)}, which the tabular features need; "
                "meter the capture itself, or use a table that `oddflow flows -o x.parquet` wrote"
            )
        data, offsets = binary_parts(batch.column("payload"))
        entropy, printable = np.empty(batch.num_rows, np.float32), np.empty(batch.num_rows, np.float32)
        describe_payload(data, offsets, entropy, printable)
        own = [columns(batch) for _, columns in OWN]
        beside = [self.homes.roles(batch), entropy, printable]
        x = np.stack([*own, *beside], axis=1).astype(np.float32)
        return np.asarray(np.nan_to_num(np.concatenate([x, self.context.add(batch)], axis=1)))
