"""Alerts of two small offices with attacks in them, each with its truth."""

import numpy as np

from oddflow.triage.queues import Labelled
from tests.verdicts.make import alert

SECOND_NS = 1_000_000_000


def office(name, seed=0):
    """Forty benign alerts of twenty hosts, a scan of 60 alerts, and a tunnel whose alerts lie in two rows."""
    chance = np.random.default_rng(seed)
    found = [
        _alert(seed, n, f"10.0.0.{n % 20 + 30}", f"10.0.1.{n % 5}", [80, 443, 22, 53][n % 4], 1 + chance.random(), "")
        for n in range(40)
    ]
    found += [_alert(seed, 100 + n, "10.0.0.7", "10.0.1.1", 1000 + n, 2 + chance.random(), "scan") for n in range(60)]
    for n in range(10):
        there = n % 2 == 0
        source, target = ("10.0.0.8", "10.0.1.2") if there else ("10.0.1.2", "192.0.2.1")
        found.append(_alert(seed, 200 + n, source, target, 53, 1.5 + chance.random(), "tunnel"))
    return Labelled(name, tuple(found))


def _alert(seed, number, source, target, port, score, truth):  # noqa: PLR0917
    start = 1_700_000_000 * SECOND_NS + number * SECOND_NS
    return alert(
        id=f"{seed:04x}{number:08x}",
        start_ns=start,
        end_ns=start + SECOND_NS,
        src_ip=source,
        src_port=20_000 + number + 1_000 * seed,
        dst_ip=target,
        dst_port=port,
        protocol=17 if port == 53 else 6,
        score=float(score),
        payload=b"" if truth == "scan" else b"x",
        payload_bytes=0 if truth == "scan" else 1,
        truth=truth,
        captures=(),
    )
