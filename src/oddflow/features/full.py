"""The full kind of tabular features: what a meter of packets knows of a flow."""

import numpy as np
import pyarrow as pa

from oddflow.features._payload_kernels import describe_payload
from oddflow.features.columns import Floats, binary_parts, numbers
from oddflow.features.feature import Feature, Scale
from oddflow.features.kind import (
    BOTH_WAYS,
    NO_ANSWER,
    NO_DATA,
    ONE_WAY,
    REFUSED,
    Columns,
    Kind,
    column,
    durations_s,
    rates_per_s,
    ratio,
    service_numbers,
)


def _payload_mean(batch: pa.RecordBatch, way: str) -> Floats:
    return ratio(numbers(batch, f"{way}_payload_bytes"), numbers(batch, f"{way}_payload_packets"))


def _balance(batch: pa.RecordBatch) -> Floats:
    sent, received = numbers(batch, "forward_payload_bytes"), numbers(batch, "reverse_payload_bytes")
    return ratio(sent - received, sent + received)


def _outcome(batch: pa.RecordBatch) -> Floats:
    sent, received = numbers(batch, "forward_payload_bytes") > 0, numbers(batch, "reverse_payload_bytes") > 0
    answered = numbers(batch, "reverse_packets") > 0
    refused = numbers(batch, "reverse_rst") > 0
    return np.select(
        [sent & received, sent | received, ~answered, refused], [BOTH_WAYS, ONE_WAY, NO_ANSWER, REFUSED], NO_DATA
    ).astype(np.float64)


LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY

OWN: tuple[tuple[Feature, Columns], ...] = (
    (Feature("service", "", CATEGORY, "service {value}"), service_numbers),
    (Feature("outcome", "", CATEGORY, "outcome: {value}"), _outcome),
    (Feature("duration_s", "s", LOG, "lasted {value}"), durations_s),
    (Feature("forward_packets", "packets", LOG, "{value} packets sent"), column("forward_packets")),
    (Feature("reverse_packets", "packets", LOG, "{value} packets received"), column("reverse_packets")),
    (Feature("forward_payload", "bytes", LOG, "{value} sent"), column("forward_payload_bytes")),
    (Feature("reverse_payload", "bytes", LOG, "{value} received"), column("reverse_payload_bytes")),
    (Feature("forward_payload_mean", "bytes", LOG, "{value} a packet sent"), lambda b: _payload_mean(b, "forward")),
    (Feature("reverse_payload_mean", "bytes", LOG, "{value} a packet received"), lambda b: _payload_mean(b, "reverse")),
    (Feature("forward_length_max", "bytes", LOG, "longest packet sent {value}"), column("forward_length_max")),
    (Feature("reverse_length_max", "bytes", LOG, "longest packet received {value}"), column("reverse_length_max")),
    (Feature("gap_max_s", "s", LOG, "silent for up to {value}"), lambda b: numbers(b, "gap_max_us") / 1e6),
    (
        Feature("packets_per_s", "packets/s", LOG, "{value} on average"),
        lambda b: rates_per_s(b, "packets"),
    ),
    (
        Feature("bytes_per_s", "bytes/s", LOG, "{value} on average"),
        lambda b: rates_per_s(b, "bytes"),
    ),
    (Feature("balance", "", LINEAR, "balance of bytes sent and received {value}"), _balance),
    (
        # the first SYN and the FINs say whether the capture saw the start and the end, not what the hosts did
        Feature("syn_repeats", "packets", LOG, "{value} repeated SYNs"),
        lambda b: np.maximum(0, numbers(b, "forward_syn") - 1),
    ),
)

BESIDE: tuple[Feature, ...] = (
    Feature("payload_entropy", "bits/byte", LINEAR, "payload entropy {value}"),
    Feature("payload_printable", "", LINEAR, "{value} of the payload is readable text"),
)

NEEDED = (
    "forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes", "forward_payload_bytes",
    "reverse_payload_bytes", "forward_payload_packets", "reverse_payload_packets", "forward_length_max",
    "reverse_length_max", "gap_max_us",
    "forward_syn", "reverse_rst", "payload",
)  # fmt: skip


def _of_payload(batch: pa.RecordBatch) -> list[Floats]:
    data, offsets = binary_parts(batch.column("payload"))
    entropy, printable = np.empty(batch.num_rows, np.float32), np.empty(batch.num_rows, np.float32)
    describe_payload(data, offsets, entropy, printable)
    return [entropy.astype(np.float64), printable.astype(np.float64)]


def _exchanged(batch: pa.RecordBatch) -> tuple[Floats, Floats]:
    return numbers(batch, "forward_payload_bytes"), numbers(batch, "reverse_payload_bytes")


FULL = Kind("tabular-1", OWN, BESIDE, _of_payload, NEEDED, _exchanged)

BYTELESS = Kind(
    "tabular-no-payload-1", OWN, (), lambda _: [], tuple(name for name in NEEDED if name != "payload"), _exchanged
)
"""The same without what the payload's bytes look like, for who keeps none (`--no-payload`)."""
