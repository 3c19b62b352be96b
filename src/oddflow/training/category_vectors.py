"""Vectors of categories, learnt from the numbers that stand beside them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.models.rows import Floats
from oddflow.networks.embeddings import CategoryEmbeddings
from oddflow.training.loop import Schedule, fit_network

WIDTH = 8
_ROWS = 50_000
_SCHEDULE = Schedule(epochs=20, batch_rows=256, learning_rate=5e-3, patience=4)


def learn_vectors(columns: Sequence[Floats], values: Sequence[Floats], numbers: Floats) -> list[Floats]:
    """Vectors from which the numbers of a row can best be told; categories with like numbers lie near each other.

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables", whose target is one number.

    Args:
        columns: One for each category, (n,).
        values: Those of each that get a vector, ascending, (k,).
        numbers: Scaled, (n, m).

    Returns:
        For each category (k, e), at most 8 wide and half as wide as there are values; over the rows with mean 0 and
        deviation 1.
    """
    codes = np.stack([_codes(column, known) for column, known in zip(columns, values, strict=True)], axis=1)
    rows = np.concatenate([codes, numbers], axis=1, dtype=np.float32)
    if len(rows) > _ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, _ROWS).astype(np.int64)]
    count = len(columns)
    widths = tuple(min(WIDTH, (len(known) + 1) // 2) for known in values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vectors = CategoryEmbeddings(tuple(len(known) + 1 for known in values), widths)
        head = nn.Sequential(nn.Linear(sum(widths), 64), nn.ReLU(), nn.Linear(64, numbers.shape[1]))

        def loss(network: nn.Module, given: Tensor) -> Tensor:
            told = network(given[:, :count])  # (b, m)
            return nn.functional.smooth_l1_loss(told, given[:, count:], reduction="none").mean(dim=1)

        order = torch.randperm(len(rows))
        shuffled = torch.from_numpy(rows)[order]
        cut = len(rows) // 10
        fit_network(nn.Sequential(vectors, head), loss, shuffled[cut:], shuffled[: max(1, cut)], _SCHEDULE)
    state = vectors.state_dict()
    tables = [np.asarray(state[f"tables.{place}.weight"])[1:] for place in range(count)]
    return [_usual(table, codes[:, place]) for place, table in enumerate(tables)]


def _codes(column: Floats, known: Floats) -> Floats:
    """Places of values among the known ones, from 1; 0 for all others: (n,) -> (n,)."""
    found = np.minimum(np.searchsorted(known, column), len(known) - 1)
    return np.where(known[found] == column, found + 1, 0).astype(np.float32)


def _usual(table: Floats, codes: Floats) -> Floats:
    """Vectors (k, e) with mean 0 and deviation 1 over the rows that have them, (n,)."""
    shares = np.bincount(codes.astype(np.int64), minlength=len(table) + 1)[1:, None] / max(1, (codes > 0).sum())
    centred = table - (shares * table).sum(axis=0)
    spread = np.sqrt((shares * centred**2).sum(axis=0))
    return np.asarray(centred / np.maximum(spread, 1e-3), np.float32)
