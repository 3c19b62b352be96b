"""Gathered feature rows of a small network that never was."""

import numpy as np

from oddflow.features.gathering import Gathered
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import Fingerprint
from oddflow.losses import Ledger, Loss
from tests.checks.problem import FEATURES, normal_rows

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


def gathered(count=400, *, seed=0, x=None, times_ns=None, features=FEATURES, **changes):
    """Rows that ended a second after each other; two packets were lost."""
    rows = normal_rows(count, seed) if x is None else x
    ledger = Ledger()
    ledger.used(10 * len(rows))
    ledger.lost(Loss.NOT_IP, 2)
    seen = Fingerprint("office.pcap", bytes=5, flows=len(rows))
    seen.digest.update(b"bytes")
    values = {
        "x": rows,
        "times_ns": START_NS + SECOND_NS * np.arange(len(rows)) if times_ns is None else times_ns,
        "features": features,
        "flows": len(rows),
        "start_ns": START_NS,
        "end_ns": START_NS + SECOND_NS * len(rows),
        "seen": [seen],
        "ledger": ledger,
        "settings": MeterSettings(idle_timeout_s=30.0),
        "home_networks": ("10.0.0.0/8",),
        "context": {"windows_s": [2.0, 60.0]},
        "version": "tabular-1",
    }
    return Gathered(**(values | changes))
