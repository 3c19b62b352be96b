"""A fixed problem for each kind of input: features that belong together, and rows in which they do not."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.features.image import Image
from oddflow.features.rates import Rates
from oddflow.features.representation import Reads
from oddflow.features.sequence import Sequence

FEATURES = (
    Feature("service", "", Scale.CATEGORY, "service {value}"),
    *(Feature(f"bytes_{i}", "bytes", Scale.LOG, "{value} sent") for i in range(4)),
    *(Feature(f"balance_{i}", "", Scale.LINEAR, "balance {value}") for i in range(4)),
    Feature("never", "packets", Scale.LOG, "{value} with RST"),
)
PAIR = (Feature("sent", "", Scale.LINEAR, "sent {value}"), Feature("received", "", Scale.LINEAR, "received {value}"))
PLANTED = 9
"""Always zero in normal rows."""


def normal_rows(count, seed):
    """Four sizes follow one hidden size, four balances another; three services; (n, 10)."""
    rng = np.random.default_rng(seed)
    size, balance = rng.normal(6, 1, (count, 1)), rng.normal(0, 1, (count, 1))
    sizes = np.exp(size + rng.normal(0, 0.1, (count, 4)))
    balances = balance * [1, -1, 0.5, 2] + rng.normal(0, 0.1, (count, 4))
    service = rng.choice([22.0, 53.0, 443.0], (count, 1))
    return np.concatenate([service, sizes, balances, np.zeros((count, 1))], axis=1).astype(np.float32)


def odd_rows(count, seed):
    """Normal rows whose columns come each from another row: no column alone tells."""
    rng = np.random.default_rng(seed + 1)
    rows = normal_rows(count, seed)
    for column in range(1, 9):
        rows[:, column] = rng.permutation(rows[:, column])
    return rows


def pair_rows(count, seed, *, sign=1):
    """Two balances near 1 or -1, of the same sign or, with sign=-1, of opposite ones; (n, 2)."""
    rng = np.random.default_rng(seed)
    first = rng.choice([-1.0, 1.0], count)
    return (np.stack([first, sign * first], axis=1) + rng.normal(0, 0.15, (count, 2))).astype(np.float32)


def area_under_curve(odd, normal):
    """How often an odd row scores above a normal one (Mann & Whitney 1947); a tie counts half."""
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, odd, side="left") + np.searchsorted(ordered, odd, side="right")
    return float(below.mean() / 2 / len(normal))


@dataclass(frozen=True)
class Problem:
    """Rows of one kind of input: to learn from, normal ones, odd ones that no column alone tells, and far-out ones."""

    features: tuple[Feature, ...]
    train: np.ndarray
    normal: np.ndarray
    odd: np.ndarray
    far: np.ndarray


def tabular_problem():
    far = normal_rows(300, 1)
    far[:, 1:5] *= 1_000
    return Problem(FEATURES, normal_rows(1_500, 0), normal_rows(300, 1), odd_rows(300, 2), far)


def image_rows(count, seed):
    """Four kinds of messages, a header of their own each, then text of the letters that the kind uses; (n, 784)."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, count)
    header = np.random.default_rng(100).integers(0, 256, (4, 40))
    rows = np.zeros((count, 784))
    rows[:, :40] = header[kind]
    rows[:, 40:400] = 60 * kind[:, None] + rng.integers(0, 40, (count, 360))
    return (rows / 255).astype(np.float32)


def packet_rows(count, seed):
    """Keystrokes and echoes, a download, an upload, or a query and its answer: 32 lengths, then 32 gaps; (n, 64)."""
    rng = np.random.default_rng(seed)
    sizes = np.zeros((4, 32))
    sizes[0] = np.tile([90, -90], 16)
    sizes[1, :30] = [60, -60, 300, *[-1460] * 27]
    sizes[2, :28] = [60, -60, *[1400, 1400, -52] * 8, -300, 60]
    sizes[3, :2] = [70, -200]
    gaps_s = np.array([0.2, 0.0005, 0.005, 0.02])
    kind = rng.integers(0, 4, count)
    lengths = sizes[kind] + np.where(sizes[kind] != 0, rng.integers(-8, 9, (count, 32)), 0)
    gaps = np.where(lengths != 0, gaps_s[kind][:, None] * rng.uniform(0.8, 1.2, (count, 32)), 0)
    gaps[:, 0] = 0
    return np.concatenate([lengths, gaps], axis=1).astype(np.float32)


def mixed_columns(rows, seed):
    """The same rows, each column from another row: no column alone tells."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(column) for column in rows.T], axis=1)


def image_problem():
    normal = image_rows(100, 1)
    far = normal.copy()
    far[:, 400:] = 1
    return Problem(Image().features, image_rows(400, 0), normal, mixed_columns(image_rows(100, 2), 3), far)


def packet_problem():
    normal = packet_rows(200, 1)
    far = normal.copy()
    far[:, :32] = np.tile([700, 700, -700, 20], 8)
    far[:, 32:] = 50
    return Problem(Sequence.features, packet_rows(600, 0), normal, odd_packets(200), far)


def odd_packets(count):
    """Kinds of packets that follow each other in no normal flow, though each place sees what it always sees."""
    rows = packet_rows(count, 2)
    rng = np.random.default_rng(3)
    for place in range(32):
        order = rng.permutation(count)
        rows[:, [place, 32 + place]] = rows[order][:, [place, 32 + place]]
    return rows


def rate_rows(count, seed):
    """Hosts of a level each that all their series keep to; (n, 320)."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.uniform(0, 7, (count, 1, 1)))
    series = level * np.array([1, 10, 5_000, 16, 2])[:, None]
    return (series * rng.uniform(0.9, 1.1, (count, 5, 64))).reshape(count, 320).astype(np.float32)


def rate_problem():
    normal = rate_rows(200, 1)
    far = normal.copy()
    far[:, ::2] = 0
    far[:, 1::2] *= 1_000
    return Problem(Rates.features, rate_rows(600, 0), normal, mixed_columns(rate_rows(200, 2), 3), far)


@cache
def problem_for(reads):
    """The problem of a kind of input."""
    return {
        Reads.TABULAR: tabular_problem,
        Reads.IMAGE: image_problem,
        Reads.SEQUENCE: packet_problem,
        Reads.RATES: rate_problem,
    }[reads]()
