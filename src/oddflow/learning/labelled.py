"""Labelled rows to a baseline: the normal rows of what is learnt from, and the attacks where they are asked for."""

import numpy as np

from oddflow.datasets.rows import LabelledRows, Split
from oddflow.errors import UsageError
from oddflow.features.context import ContextSettings
from oddflow.features.full import FULL
from oddflow.features.gathering import Gathered
from oddflow.features.homes import PRIVATE
from oddflow.features.image import Image
from oddflow.features.portable import PORTABLE
from oddflow.features.sequence import Sequence
from oddflow.features.several import VERSION as SEVERAL
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.source import Fingerprint
from oddflow.models.kinds import FEATURE_SET


def version_of(rows: LabelledRows) -> str:
    """What a model says its features are: those of flows, or the set's own."""
    if rows.features in (Image().features, Image(Payload.FLOW).features):
        return Image.version
    if rows.features == Sequence.features:
        return Sequence.version
    names = {feature.name for feature in rows.features}
    if {first.features[0].name for first in (Image(), Sequence)} <= names:
        return SEVERAL
    of_flows = (kind.version for kind in (FULL, PORTABLE) if {feature.name for feature, _ in kind.own} <= names)
    return next(of_flows, f"{FEATURE_SET} {rows.name}")


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
    taken = split.train if attacks else normal
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
        context=ContextSettings().as_dict(),
        version=version_of(rows),
        y=rows.kinds[taken] if attacks else None,
    )
