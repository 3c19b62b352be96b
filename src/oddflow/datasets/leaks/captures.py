"""Captures: rows of one recording share its hosts, its tools and its hour."""

import numpy as np

from oddflow.datasets.leaks.finding import Finding, Severity, by_share, percent
from oddflow.datasets.rows import LabelledRows, Split

CHECK = "captures"


def shared_captures(rows: LabelledRows, split: Split, _seed: int = 0) -> list[Finding]:
    """How many test rows come from a capture, or a file, that training rows come from, too."""
    if rows.capture is None or len(rows.captures) < 2:
        return [Finding(CHECK, Severity.NOT_CHECKED, "all rows come from one file, or the set does not say from which")]
    train, test = rows.capture[split.train], rows.capture[split.test]
    share = float(np.isin(test, train).mean())
    pairs = np.unique(rows.capture.astype(np.int64) * len(rows.labels) + rows.y)
    of_one = int((np.bincount(pairs // len(rows.labels), minlength=len(rows.captures)) == 1).sum())
    figures = {"captures": len(rows.captures), "share": share, "captures_of_one_label": of_one}
    if not share:
        return [Finding(CHECK, Severity.CLEAN, "no file has rows on both sides", figures=figures)]
    one_each = of_one == len(rows.captures)
    tail = f"; {'each' if one_each else f'{of_one:,}'} of {len(rows.captures):,} files holds rows of one label only"
    what = (
        f"{percent(share)} of the test rows come from a file that training rows come from, too{tail if of_one else ''}"
    )
    advice = (
        "no split by file can keep classes on both sides; say so beside the figures"
        if one_each
        else "split by capture, so that none is on both sides"
    )
    return [Finding(CHECK, by_share(share, warning=0.5, severe=2), what, advice, figures)]
