"""The portable kind of tabular features: what every source knows of a flow, logs and exporters included.

Ends, times, packets and IP bytes each way, and nothing else. How much payload there was is estimated, for all sources
alike, so that a model learnt on one of them means the same on another.
"""

import numpy as np
import pyarrow as pa

from oddflow.features.columns import Floats, integers, numbers
from oddflow.features.feature import Feature, Scale
from oddflow.features.kind import (
    BOTH_WAYS,
    NO_ANSWER,
    NO_DATA,
    ONE_WAY,
    Kind,
    column,
    durations_s,
    rates_per_s,
    ratio,
    service_numbers,
)

TCP, IPV6 = 6, 6
TCP_HEADERS_BYTES, OTHER_HEADERS_BYTES, MORE_IN_IPV6_BYTES = 52, 28, 20
"""IPv4 with TCP and its time stamps (RFC 7323); IPv4 with UDP or ICMP; what an IPv6 header has more (RFC 8200)."""
HANDSHAKE_BYTES = 16
"""What options of SYNs have more than those of other segments."""


def _payload(batch: pa.RecordBatch, way: str) -> Floats:
    """About how much payload one side sent, (n,): its IP bytes without what headers usually take."""
    packets, size = numbers(batch, f"{way}_packets"), numbers(batch, f"{way}_bytes")
    is_tcp = integers(batch, "protocol") == TCP
    headers = np.where(is_tcp, TCP_HEADERS_BYTES, OTHER_HEADERS_BYTES)
    is_ipv6 = np.nan_to_num(numbers(batch, "ip_version")) == IPV6
    headers = headers + np.where(is_ipv6, MORE_IN_IPV6_BYTES, 0)
    return np.maximum(0.0, size - packets * headers - np.where(is_tcp, HANDSHAKE_BYTES, 0))


def _exchanged(batch: pa.RecordBatch) -> tuple[Floats, Floats]:
    return _payload(batch, "forward"), _payload(batch, "reverse")


def _outcome(batch: pa.RecordBatch) -> Floats:
    sent, received = (payload > 0 for payload in _exchanged(batch))
    answered = numbers(batch, "reverse_packets") > 0
    return np.select(
        [sent & received, (sent | received) & answered, ~answered], [BOTH_WAYS, ONE_WAY, NO_ANSWER], NO_DATA
    ).astype(np.float64)


def _length(batch: pa.RecordBatch, way: str) -> Floats:
    return ratio(numbers(batch, f"{way}_bytes"), numbers(batch, f"{way}_packets"))


def _balance(batch: pa.RecordBatch) -> Floats:
    sent, received = numbers(batch, "forward_bytes"), numbers(batch, "reverse_bytes")
    return ratio(sent - received, sent + received)


LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY

OWN = (
    (Feature("service", "", CATEGORY, "service {value}"), service_numbers),
    (Feature("outcome", "", CATEGORY, "outcome, as sizes tell it: {value}"), _outcome),
    (Feature("duration_s", "s", LOG, "lasted {value}"), durations_s),
    (Feature("forward_packets", "packets", LOG, "{value} packets sent"), column("forward_packets")),
    (Feature("reverse_packets", "packets", LOG, "{value} packets received"), column("reverse_packets")),
    (Feature("forward_bytes", "bytes", LOG, "{value} sent, headers included"), column("forward_bytes")),
    (Feature("reverse_bytes", "bytes", LOG, "{value} received, headers included"), column("reverse_bytes")),
    (Feature("forward_length_mean", "bytes", LOG, "{value} a packet sent"), lambda b: _length(b, "forward")),
    (Feature("reverse_length_mean", "bytes", LOG, "{value} a packet received"), lambda b: _length(b, "reverse")),
    (Feature("packets_per_s", "packets/s", LOG, "{value} on average"), lambda b: rates_per_s(b, "packets")),
    (Feature("bytes_per_s", "bytes/s", LOG, "{value} on average"), lambda b: rates_per_s(b, "bytes")),
    (Feature("balance", "", LINEAR, "balance of bytes sent and received {value}"), _balance),
)

NEEDED = ("forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes")

PORTABLE = Kind("portable-1", OWN, (), lambda _: [], NEEDED, _exchanged)
