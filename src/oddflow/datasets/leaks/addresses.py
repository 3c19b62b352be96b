"""Labels that follow addresses: where a few hosts attack and others do not, a model may learn the hosts."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.datasets.leaks.finding import Finding, Severity, percent
from oddflow.datasets.leaks.telling import Counts, Told, tell, told_by_others
from oddflow.datasets.rows import LabelledRows, Split

CHECK = "labels by address"
COLUMNS = {"src_ip": "source address", "dst_ip": "destination address", "dst_port": "destination port"}
MOST_CODES = 65_536
FOLLOWS, IS = 0.75, 0.9
"""Balanced accuracies of the address alone."""

Places = NDArray[np.int64]


def labels_by_address(rows: LabelledRows, split: Split, _seed: int = 0) -> list[Finding]:
    """How well the source, the destination or the port alone, as the training rows know it, labels the test rows."""
    if rows.ends is None:
        return [Finding(CHECK, Severity.NOT_CHECKED, "the set says nothing of addresses")]
    told, seen, others = {}, {}, {}
    for name in COLUMNS:
        if name not in rows.ends.schema.names or rows.ends.column(name).null_count == len(rows):
            continue
        codes = _codes(rows.ends.column(name))
        sides = codes[split.train], codes[split.test]
        seen[name] = float(np.isin(sides[1], sides[0]).mean())
        counts = Counts.of(rows, (split.train, split.test), sides, MOST_CODES + 1)
        if (found := tell(counts.attacks())) is not None:
            told[name] = found
            others[name] = told_by_others(counts.attacks()[0] + counts.attacks()[1])
    if not told:
        return [Finding(CHECK, Severity.NOT_CHECKED, "there are no attacks, or nothing else, on one of the sides")]
    return [_finding(told, seen, others)]


def _finding(told: dict[str, Told], seen: dict[str, float], others: dict[str, float]) -> Finding:
    hosts = {name: one for name, one in told.items() if name != "dst_port"} or told
    best = max(hosts, key=lambda name: hosts[name].balanced)
    figures: dict[str, Any] = {"majority": told[best].majority}
    for name, one in told.items():
        figures |= {f"{name}_accuracy": one.accuracy, f"{name}_balanced": one.balanced, f"{name}_seen": seen[name]}
        figures[f"{name}_by_others"] = others[name]
    what = (
        f"the {COLUMNS[best]} alone tells {percent(told[best].accuracy)} of the test rows right (balanced accuracy "
        f"{told[best].balanced:.3f}), where always the commoner side would tell {percent(told[best].majority)}; "
        f"{percent(seen[best])} of the test rows have one that is in the training rows"
    )
    balanced = told[best].balanced
    follows = max(hosts, key=lambda name: others[name])
    if balanced < FOLLOWS <= others[follows]:
        what = (
            f"{what}; of all rows taken together, the other rows of a {COLUMNS[follows]} tell its label "
            f"(balanced accuracy {others[follows]:.3f}), and this split keeps most of that apart"
        )
        return Finding(CHECK, Severity.NOTE, what, "use no addresses as features, and keep splitting so", figures)
    if balanced < FOLLOWS:
        return Finding(CHECK, Severity.CLEAN, what, figures=figures)
    severity = Severity.SEVERE if balanced >= IS else Severity.WARNING
    advice = "use no addresses as features, and split by host: hosts that are tested on must not be learnt from"
    return Finding(CHECK, severity, what, advice, figures)


def _codes(column: pa.ChunkedArray) -> Places:
    """A number for each value, (n,); the rarer ones of very many share one."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(MOST_CODES).to_numpy(zero_copy_only=False), np.int64)
    if len(encoded.dictionary) <= MOST_CODES:
        return codes
    counts = np.bincount(codes, minlength=len(encoded.dictionary))
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.asarray(np.minimum(rank[codes], MOST_CODES))
