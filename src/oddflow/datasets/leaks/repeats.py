"""Exact repeats: rows that are learnt from and tested on at once, and equal rows with different labels."""

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.leaks.finding import Finding, Severity, by_share, percent
from oddflow.datasets.rows import LabelledRows, Split

BLOCK_ROWS = 8_192
Hashes = NDArray[np.uint64]


def row_hashes(x: NDArray[np.float32]) -> Hashes:
    """A 64-bit hash of each row, (n, d) -> (n,): equal rows have equal ones, NaN equals NaN, and -0 equals 0.

    Two of a million different rows share one with a probability of about 3 in 100 million.
    """
    hashes = np.empty(len(x), np.uint64)
    for start in range(0, len(x), BLOCK_ROWS):
        block = x[start : start + BLOCK_ROWS] + np.float32(0)
        block[np.isnan(block)] = np.nan
        words = np.ascontiguousarray(block.T, np.float32).view(np.uint32)
        mixed = np.full(len(block), x.shape[1], np.uint64)
        for word in words:
            mixed = _mixed(mixed ^ word)
        hashes[start : start + BLOCK_ROWS] = mixed
    return hashes


def _mixed(words: Hashes) -> Hashes:
    """splitmix64 (Steele, Lea, Flood 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def exact_repeats(rows: LabelledRows, split: Split, _seed: int = 0) -> list[Finding]:
    """Repeats across the split, repeats in all, and equal rows under several labels."""
    hashes = row_hashes(rows.x)
    return [_across(rows, split, hashes), _within(rows, hashes), _contradicting(rows, split, hashes)]


def _across(rows: LabelledRows, split: Split, hashes: Hashes) -> Finding:
    train, test = hashes[split.train], hashes[split.test]
    known, first = np.unique(train, return_index=True)
    places = np.minimum(np.searchsorted(known, test), len(known) - 1)
    found = known[places] == test
    count, share = int(found.sum()), float(found.mean())
    same = rows.y[split.test[found]] == rows.y[split.train[first[places[found]]]]
    figures = {"test_rows": len(test), "in_train": count, "share": share, "same_label": int(same.sum())}
    if not count:
        return Finding("repeats across", Severity.CLEAN, "no test row is in the training rows, too", figures=figures)
    return Finding(
        "repeats across",
        by_share(share, warning=0.01, severe=0.1),
        f"{count:,} of {len(test):,} test rows ({percent(share)}) are in the training rows, too",
        "remove them from the test rows, or remove repeats before the set is split: a model that only remembers "
        "gets them right",
        figures,
    )


def _within(rows: LabelledRows, hashes: Hashes) -> Finding:
    count = len(hashes) - len(np.unique(hashes))
    same = len(hashes) - len(np.unique(_mixed(hashes ^ rows.y.astype(np.uint64))))
    share = count / len(hashes)
    figures = {"rows": len(hashes), "repeats": count, "share": share, "same_label": same}
    if not count:
        return Finding("repeats", Severity.CLEAN, f"none of the {len(hashes):,} rows repeats another", figures=figures)
    return Finding(
        "repeats",
        by_share(share, warning=0.1, severe=2),
        f"{count:,} of {len(hashes):,} rows ({percent(share)}) repeat an earlier one, {same:,} of them with its label",
        "what repeats counts as often in every figure; remove repeats before any split but the official one",
        figures,
    )


def _contradicting(rows: LabelledRows, split: Split, hashes: Hashes) -> Finding:
    used = np.concatenate([split.train, split.test])
    _, which, counts = np.unique(hashes[used], return_inverse=True, return_counts=True)
    pairs = np.unique(which.astype(np.int64) * len(rows.labels) + rows.y[used])
    labels = np.bincount(pairs // len(rows.labels), minlength=len(counts))
    inputs, touched = int((labels > 1).sum()), int(counts[labels > 1].sum())
    kinds = np.unique(which.astype(np.int64) * 2 + rows.is_attack[used])
    both = np.bincount(kinds // 2, minlength=len(counts)) > 1
    figures = {"inputs": inputs, "rows": touched, "rows_normal_and_attack": int(counts[both].sum())}
    if not inputs:
        return Finding("several labels", Severity.CLEAN, "equal rows have equal labels", figures=figures)
    share = touched / len(used)
    return Finding(
        "several labels",
        by_share(share, warning=0.01, severe=0.1),
        f"{inputs:,} different rows carry more than one label; {touched:,} rows ({percent(share)}) are such, "
        f"{int(counts[both].sum()):,} of them both normal and attack",
        "no model can get all of them right: leave them out, or say so beside the figures",
        figures,
    )
