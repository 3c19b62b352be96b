"""Labelled rows to a baseline: the normal rows of what is learnt from, and the attacks where they are asked for."""

from typing import Any

import numpy as np

from oddflow.datasets.rows import LabelledRows, Split
from oddflow.errors import UsageError
from oddflow.features.context import ContextSettings
from oddflow.features.gathering import Gathered
from oddflow.features.homes import PRIVATE
from oddflow.features.representation import Reads
from oddflow.features.versions import reads_of, represented, version_told_by
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.source import Fingerprint
from oddflow.models.kinds import FEATURE_SET


def version_of(rows: LabelledRows) -> str:
    """What a model says its features are: those of flows, or the set's own."""
    return version_told_by(rows.features) or f"{FEATURE_SET} {rows.name}"


def _context_of(version: str, payload: Payload) -> dict[str, Any]:
    """How far back a representation looks, as is usual: `detect` will look as far. Rows of packets look at no flow."""
    if version.startswith(FEATURE_SET):
        return ContextSettings().as_dict()
    if reads_of(version) is Reads.PACKETS:
        return {}
    return dict(represented(version, homes=PRIVATE, context=None, payload=payload).context_settings)


def baseline(
    rows: LabelledRows, split: Split, *, attacks: bool = False, payload: Payload = Payload.SESSION
) -> Gathered:
    """The normal rows that a split learns from, as `learn` takes them; what is missing is 0.

    Rows without times stand in the set's order, a second apart: a budget in time then means rows, not time. With
    `attacks`, the attacks stand among them and `y` tells what they are; `flows` counts the normal ones all the same.
    `payload` is which bytes of flows were kept.

    Raises:
        UsageError: None of them is normal.
    """
    normal = split.train[~rows.is_attack[split.train]]
    if not len(normal):
        raise UsageError(f"{rows.name}, {split.name}: no row to learn from is normal; split it another way")
    taken, version = split.train if attacks else normal, version_of(rows)
    times_ns = rows.times_ns[taken] if rows.times_ns is not None else np.arange(len(taken)) * 1_000_000_000
    seen = Fingerprint(f"{rows.name}, {split.name}", flows=len(taken), hashed=True)
    for place, kept in enumerate((rows.x[taken], rows.y[taken])):
        seen.add(np.ascontiguousarray(kept).tobytes() if place else np.ascontiguousarray(kept).data.cast("B"))
    return Gathered(
        x=rows.filled()[taken],
        times_ns=times_ns,
        features=rows.features,
        flows=len(normal),
        start_ns=int(times_ns.min()),
        end_ns=int(times_ns.max()),
        seen=[seen],
        ledger=rows.ledger,
        settings=MeterSettings(payload=payload),
        home_networks=PRIVATE,
        context=_context_of(version, payload),
        version=version,
        y=rows.kinds[taken] if attacks else None,
    )
