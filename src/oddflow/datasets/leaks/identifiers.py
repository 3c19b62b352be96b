"""Identifiers among the features: columns that say which row it is, not what it is like."""

import re

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.leaks.finding import Finding, Severity, percent
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.features.feature import Feature, Scale

CHECK = "identifiers"
KINDS = {
    "address": {"ip", "ips", "addr", "address", "srcip", "dstip", "saddr", "daddr", "mac", "smac", "dmac", "hostname"},
    "port": {"port", "sport", "dport", "srcport", "dstport"},
    "time": {"timestamp", "datetime", "date", "stime", "ltime", "epoch", "ts"},
    "number of the row": {"id", "uid", "uuid", "index", "idx", "row", "rowid", "flowid"},
}
"""Words of a name that say what a column identifies."""

BARE = {"time": "time", "start": "time", "end": "time"}
"""Words that do so only where they are the whole name."""

MEASURES = {
    "count", "counts", "ct", "num", "number", "rate", "share", "ratio", "mean", "avg", "std", "var", "min", "max",
    "sum", "total", "same", "diff", "distinct", "is", "entropy",
}  # fmt: skip
"""Words that make a measure of any of them: `same_src_port_rate`."""

LEAST_ROWS = 200
UNIQUE = 0.95
"""A column of whole numbers is unique where so many of its values, the commonest aside, are there once."""

STEADY = 0.999
"""A column runs with the rows where so many of its steps go up, or time does, or down."""


def identifying_features(rows: LabelledRows, _split: Split, _seed: int = 0) -> list[Finding]:
    """Features whose name speaks of an address, a port, a time or a number; whose values are unique; or which only
    grow."""
    named = {f.name: kind for f in rows.features if (kind := kind_of(f.name))}
    unique = [f.name for place, f in enumerate(rows.features) if _is_unique(rows.x[:, place], f)]
    running = [f.name for place, f in enumerate(rows.features) if _runs(rows, rows.x[:, place])]
    found = dict.fromkeys([*named, *unique, *running])
    figures = {"named": [f"{name} ({kind})" for name, kind in named.items()], "unique": unique, "running": running}
    if not found:
        return [Finding(CHECK, Severity.CLEAN, f"none among the {len(rows.features)} features", figures=figures)]
    reasons = [f"{name}: {', '.join(_reasons(name, named, unique, running))}" for name in found]
    severe = bool(running) or any(kind in {"address", "time", "number of the row"} for kind in named.values())
    return [
        Finding(
            CHECK,
            Severity.SEVERE if severe else Severity.WARNING,
            f"{len(found)} of {len(rows.features)} features look like identifiers: {_some(reasons)}",
            "leave these columns out: what a model learns of them holds for these rows alone",
            figures,
        )
    ]


def kind_of(name: str) -> str:
    """What a column identifies by its name; "" for none.

    >>> kind_of("Src IP"), kind_of("dst_host_same_src_port_rate"), kind_of("Flow ID"), kind_of("idle_mean_us")
    ('address', '', 'number of the row', '')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    if set(words) & MEASURES:
        return ""
    kinds = [kind for kind, known in KINDS.items() if set(words) & known]
    return kinds[0] if kinds else BARE.get(" ".join(words), "")


def _reasons(name: str, named: dict[str, str], unique: list[str], running: list[str]) -> list[str]:
    told = [f"its name says {named[name]}"] if name in named else []
    told += [f"more than {percent(UNIQUE)} of its values are there once"] if name in unique else []
    return told + (["it only grows or falls from row to row"] if name in running else [])


def _is_unique(column: NDArray[np.float32], feature: Feature) -> bool:
    """Whether whole numbers hardly ever come twice, the commonest value aside: it stands for "none"."""
    values = column[np.isfinite(column)]
    if feature.scale is Scale.CATEGORY or not len(values) or (values != np.floor(values)).any():
        return False
    _, counts = np.unique(values, return_counts=True)
    others = len(values) - int(counts.max())
    if others < max(LEAST_ROWS, len(column) // 10):
        return False
    return bool((len(counts) - 1) / others >= UNIQUE)


def _runs(rows: LabelledRows, column: NDArray[np.float32]) -> bool:
    """Whether a column only grows, or falls, with time or from row to row, without standing still for long."""
    orders = [np.arange(len(column))]
    if rows.times_ns is not None:
        orders.append(np.argsort(rows.times_ns, kind="stable"))
    for order in orders:
        values = column[order].astype(np.float64)
        steps = np.diff(values[np.isfinite(values)])
        moving = int((steps != 0).sum())
        if moving < max(LEAST_ROWS, len(steps) // 20):
            continue
        ups = int((steps > 0).sum())
        if max(ups, moving - ups) >= STEADY * moving:
            return True
    return False


def _some(texts: list[str], most: int = 6) -> str:
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more
