"""The rows of the ranked table as the page shows them."""

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from oddflow.reports.charts import packets_chart, range_strip, share_bar
from oddflow.reports.payload import DUMP_BYTES, data_uri, dump
from oddflow.reports.words import (
    count,
    destination_of,
    duration,
    endpoint,
    moment,
    number,
    protocols_of,
    ranges,
    source_of,
)
from oddflow.schema import PAYLOAD_BYTES, protocol_name
from oddflow.verdicts.alert import Alert, AlertRow, Reason, utc
from oddflow.verdicts.techniques import named

OTHERS = 6
MOST_REASONS = 24

FeatureFacts = Mapping[str, tuple[str, str]]
"""A feature's unit and scale by its name."""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One reason: its sentence, the feature, and two small charts."""

    text: str
    feature: str
    percent: str
    bar: Markup
    strip: Markup


@dataclass(frozen=True, slots=True)
class PayloadView:
    """The first payload bytes; `note` says how many, and what is not shown."""

    picture: Markup
    dump: Markup
    note: str


@dataclass(frozen=True, slots=True)
class DetailView:
    """What a row shows when it is opened: all about the alert that speaks for it."""

    reasons: tuple[ReasonView, ...]
    packets: Markup
    packets_note: str
    payload: PayloadView | None
    facts: tuple[tuple[str, str, bool], ...]
    """Label, value, and whether the value is code."""
    commands: tuple[tuple[str, str], ...]
    others: tuple[Alert, ...]
    others_left: int


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the ranked table."""

    rank: int
    alerts: int
    first: str
    span: str
    source: str
    destination: str
    protocol: str
    score: str
    rarity: str
    chance: str
    reason: str
    odd: str
    truth: str | None
    attack: bool
    detail: DetailView | None


def row_view(row: AlertRow, features: FeatureFacts, *, places: int, detailed: bool) -> RowView:
    """A row in words, scores with `places` decimals; all about its highest-scoring alert where `detailed`."""
    top = row.top
    start_ns, end_ns = min(a.start_ns for a in row.alerts), max(a.end_ns for a in row.alerts)
    return RowView(
        rank=int(row.rank),
        alerts=len(row.alerts),
        first=moment(start_ns),
        span=duration(end_ns - start_ns),
        source=source_of(row),
        destination=destination_of(row),
        protocol=protocols_of(row),
        score=f"{top.score:,.{places}f}",
        rarity=top.rarity,
        chance=top.chance,
        reason=row.headline or "The model names no single reason.",
        odd=_odd(top),
        truth=_truth(row),
        attack=any(alert.truth for alert in row.alerts),
        detail=_detail(row, features) if detailed else None,
    )


def _odd(alert: Alert) -> str:
    """What makes it odd, and what it likeliest is."""
    said = (("odd", alert.odd), ("likeliest", alert.likeliest))
    return "; ".join(f"{name} {what}" for name, what in said if what)


def _truth(row: AlertRow) -> str | None:
    known = Counter(alert.truth or "benign" for alert in row.alerts if alert.truth is not None)
    if not known:
        return None
    if len(known) == 1:
        return next(iter(known))
    return ", ".join(f"{what} × {times:,}" for what, times in known.most_common(3))


def _detail(row: AlertRow, features: FeatureFacts) -> DetailView:
    top = row.top
    shown = sum(1 for length in top.lengths if length)
    return DetailView(
        reasons=tuple(_reason(reason, features) for reason in top.reasons[:MOST_REASONS]),
        packets=packets_chart(top.lengths, top.gaps_us) if shown else Markup(""),
        packets_note=f"first {shown} of {top.packets:,}" if top.packets > shown else count(shown, "packet"),
        payload=_payload(top.payload),
        facts=_facts(row),
        commands=(
            ("Wireshark filter", top.wireshark_filter),
            ("Packets of this flow", f"oddflow extract alerts.jsonl {shlex.quote(top.id)} -w out.pcap{_capture(top)}"),
        ),
        others=tuple(row.alerts[1 : 1 + OTHERS]),
        others_left=max(0, len(row.alerts) - 1 - OTHERS),
    )


def _capture(alert: Alert) -> str:
    if alert.pseudonyms:
        return " --source CAPTURE.pcap --pseudonymise KEYFILE"
    return "" if alert.first_packet else " --source CAPTURE.pcap"


def _reason(reason: Reason, features: FeatureFacts) -> ReasonView:
    unit, scale = features.get(reason.feature, ("", ""))
    return ReasonView(
        text=reason.text,
        feature=reason.feature,
        percent=f"{number(round(100 * reason.share))} %" if reason.share == reason.share else "–",
        bar=share_bar(reason.share),
        # Categories have no order: a place between low and high would say nothing.
        strip=Markup("") if scale == "category" else range_strip(reason, unit),
    )


def _payload(payload: bytes) -> PayloadView | None:
    if not payload:
        return None
    kept = min(len(payload), PAYLOAD_BYTES)
    note = count(kept, "byte")
    if kept < PAYLOAD_BYTES:
        note += "; the picture is black after them"
    if kept > DUMP_BYTES:
        note += f"; the first {DUMP_BYTES} beside it"
    return PayloadView(picture=escape(data_uri(payload)), dump=escape(dump(payload)), note=note)


def _facts(row: AlertRow) -> tuple[tuple[str, str, bool], ...]:
    top = row.top
    facts = [
        ("From", endpoint(top.src_ip, top.src_port), True),
        ("To", endpoint(top.dst_ip, top.dst_port), True),
        ("Protocol", protocol_name(top.protocol), False),
        ("First packet", utc(top.start_ns), False),
        ("Last packet", utc(top.end_ns), False),
        ("Lasted", duration(top.end_ns - top.start_ns), False),
        ("Packets", f"{top.packets:,}", False),
        ("Bytes", f"{top.size_bytes:,}", False),
        ("Source", f"{top.first_capture}, packet {top.first_packet:,}" if top.first_packet else top.source, False),
        ("Record", top.record_id, True),
        ("Odd", top.odd, False),
        ("Names", top.known_ends, False),
        ("In lists", "; ".join(top.intelligence), False),
        ("Likeliest", top.likeliest, False),
        ("ATT&CK", named(top.techniques), False),
        ("The source says", row.labels, False),
        ("Community ID", top.community_id, True),
        ("Alert ID", top.id, True),
    ]
    ports = {alert.dst_port for alert in row.alerts}
    hosts = sorted({alert.dst_ip for alert in row.alerts})
    if len(ports) > 1:
        facts.append(("Ports in this row", ranges(ports), False))
    if len(hosts) > 1:
        listed = ", ".join(hosts[:8]) + (f" and {len(hosts) - 8:,} more" if len(hosts) > 8 else "")
        facts.append(("Hosts in this row", listed, True))
    return tuple(facts)
