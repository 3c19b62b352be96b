"""Builds alerts: the flows over the threshold, each with its rarity and its reasons."""

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.features.packet_columns import PACKET, PACKET_CAPTURE, PACKET_IS_REVERSE
from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.budget import rarity
from oddflow.verdicts.categories import UNKNOWN, Likeliest
from oddflow.verdicts.extent import extent
from oddflow.verdicts.filters import wireshark_filter
from oddflow.verdicts.kinds import AnomalyKind, kind_of
from oddflow.verdicts.words import sentence
from oddflow.verdicts.words import service as service_name

REASONS = 4
LEAST_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal here.

    Attributes:
        features: The d columns of a feature row.
        low: What 1 in 1,000 normal flows stay under, (d,).
        high: The greatest value among normal flows, (d,).
        groups: The same for single services, by service number: (low, high).
        held_back: Scores of held-back normal flows, ascending, (n,) float32.
        model_id: Names the model in the ids of alerts.
        population: What the scores are those of, in words.
    """

    features: tuple[Feature, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    groups: dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]]
    held_back: NDArray[np.float32]
    model_id: str
    population: str = "normal flows"

    def reasons(
        self, row: NDArray[np.float32], parts: NDArray[np.float32], *, most: int = REASONS
    ) -> tuple[Reason, ...]:
        """The features that made the score, the strongest first; one window speaks for a count.

        Args:
            row: Raw feature values, (d,).
            parts: Their parts of the score, (d,), not negative.
            most: How many are told.
        """
        total = float(parts.sum()) or 1.0
        lows, highs, where = self.around(row)
        named: dict[str, Reason] = {}
        if drawn := extent(self.features, row, parts, lows, highs):
            named[without_window(drawn.feature)] = drawn
        for place in np.argsort(-parts, kind="stable"):
            share = float(parts[place]) / total
            if len(named) >= most or (named and share < LEAST_SHARE):
                break
            feature = self.features[place]
            family = without_window(feature.name)
            if family in named:
                continue
            value, low, high = float(row[place]), float(lows[place]), float(highs[place])
            text = sentence(value, feature, low, high, where=where)
            named[family] = Reason(feature.name, value, low, high, round(share, 4), text)
        return tuple(named.values())

    def around(self, row: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
        """What is normal for a row (d,): its service's low and high, (d,) each, and whose they are in words."""
        service = self._service(row)
        lows, highs = self.groups.get(service, (self.low, self.high))
        return lows, highs, f"normal for {service_name(service)}" if service in self.groups else "normal here"

    def _service(self, row: NDArray[np.float32]) -> float:
        """The service number in a row of features, NaN where they do not speak of it."""
        named = (place for place, feature in enumerate(self.features) if feature.name == "service")
        place = next(named, None)
        return float(row[place]) if place is not None else math.nan

    def kind(self, row: NDArray[np.float32], parts: NDArray[np.float32], version: str) -> AnomalyKind:
        """What makes a flow odd, by its row and the parts of its score, (d,) each."""
        group = self.groups.get(self._service(row))
        return kind_of(row, parts, self.features, (self.low, self.high), group, version)

    def alert(
        self,
        flow: dict[str, Any],
        score: float,
        reasons: tuple[Reason, ...],
        source: str,
        truth: str | None,
        *,
        pseudonyms: str = "",
        likeliest: Likeliest = UNKNOWN,
        kind: str = "",
    ) -> Alert:
        """One flow of the flow table as an alert; without its bytes where it is under `pseudonyms` of a key.

        `likeliest` is the kind of attack, and how likely it is; `kind` what makes the flow odd.
        """
        told = flow | {PACKET_CAPTURE: None} if pseudonyms else flow
        ends = (flow["src_ip"], flow["src_port"], flow["dst_ip"], flow["dst_port"], flow["protocol"])
        identity = f"{self.model_id} {ends} {flow['start']} {flow['first_packet']}"
        packets = int((flow["forward_packets"] or 0) + (flow["reverse_packets"] or 0))
        used = min(packets, len(flow["lengths"] or ()))
        return Alert(
            id=hashlib.sha256(identity.encode()).hexdigest()[:12],
            start_ns=flow["start"],
            end_ns=flow["end"],
            src_ip=ends[0],
            src_port=ends[1],
            dst_ip=ends[2],
            dst_port=ends[3],
            protocol=ends[4],
            community_id=flow["community_id"] or "",
            score=score,
            rarity=rarity(score, self.held_back, self.population),
            reasons=_of_packets(reasons, told),
            packets=packets,
            size_bytes=int((flow["forward_bytes"] or 0) + (flow["reverse_bytes"] or 0)),
            lengths=tuple((flow["lengths"] or ())[:used]),
            gaps_us=tuple((flow["gaps_us"] or ())[:used]),
            payload=b"" if pseudonyms else flow["payload"] or b"",
            source=source,
            first_packet=flow["first_packet"] or 0,
            wireshark_filter=wireshark_filter(*ends),
            truth=truth,
            captures=(flow["capture"],) if flow["capture"] else (),
            payload_bytes=int((flow["forward_payload_bytes"] or 0) + (flow["reverse_payload_bytes"] or 0)),
            pseudonyms=pseudonyms,
            record_id=flow["record_id"] or "",
            label=flow["label"] or "",
            category=likeliest.category,
            category_probability=likeliest.probability,
            kind=kind,
            techniques=likeliest.techniques,
        )


def _of_packets(reasons: tuple[Reason, ...], flow: dict[str, Any]) -> tuple[Reason, ...]:
    if flow.get(PACKET) is None:
        return reasons
    return tuple(replace(reason, text=of_packet(reason.text, flow)) for reason in reasons)


def of_packet(text: str, flow: dict[str, Any]) -> str:
    """A reason that speaks of a flow's worst packet: with its number and both of its ends; any other as it is.

    >>> of_packet("jitter on {src} → {dst}", {"worst_packet": 7, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2",
    ...     "src_port": 1024, "dst_port": 80, "worst_packet_is_reverse": True, "worst_packet_capture": None})
    'packet 7: jitter on 10.0.0.2 → 10.0.0.1'
    """
    if flow.get(PACKET) is None:
        return text
    ends = [(flow["src_ip"], flow["src_port"]), (flow["dst_ip"], flow["dst_port"])]
    for name, (address, port) in zip(("src", "dst"), ends[::-1] if flow[PACKET_IS_REVERSE] else ends, strict=True):
        joined = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        text = text.replace(f"{{{name}}}", address).replace(f"{{{name}_socket}}", joined if port else address)
    where = f" of {flow[PACKET_CAPTURE]}" if flow[PACKET_CAPTURE] else ""
    return f"packet {flow[PACKET]}{where}: {text}"


def without_window(name: str) -> str:
    """A feature's name without the window that it looks back over: host_flows_10s -> host_flows."""
    base, _, last = name.rpartition("_")
    return base if last.endswith("s") and last[:-1].replace(".", "").isdigit() else name


def plain_rows(batch: pa.RecordBatch, places: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Some rows of a flow batch as dictionaries; times as ns since 1970."""
    flows = batch.take(pa.array(places))
    for name in ("start", "end"):
        column = flows.schema.get_field_index(name)
        flows = flows.set_column(column, name, flows.column(name).cast(pa.int64()))
    return flows.to_pylist()  # type: ignore[no-any-return]
