"""Alike alerts of one source folded into one row each, ranked by their highest score."""

from collections.abc import Iterable

from oddflow.verdicts.alert import Alert, AlertRow

Kind = tuple[str, int, int | None]


def kind_of(alert: Alert) -> Kind:
    """What makes two alerts alike: one source, one protocol, and one service where any data were sent.

    Without data the port says nothing: a scan tries many, and is one thing.
    """
    return alert.src_ip, alert.protocol, alert.dst_port if alert.payload_bytes or alert.payload else None


def flow_key(alert: Alert) -> tuple[str, int, str, int, int, int]:
    """Breaks ties between equal scores, the same way on every machine."""
    return alert.src_ip, alert.src_port, alert.dst_ip, alert.dst_port, alert.protocol, alert.start_ns


def fold(alerts: Iterable[Alert]) -> list[AlertRow]:
    """Rows by their highest score, alerts within a row too."""
    rows: dict[Kind, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (-alert.score, flow_key(alert))):
        rows.setdefault(kind_of(alert), []).append(alert)
    return [AlertRow(rank, alerts) for rank, alerts in enumerate(rows.values(), start=1)]
