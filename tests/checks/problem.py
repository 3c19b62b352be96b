"""A fixed problem for each kind of input: features that belong together, and rows in which they do not."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.features.image import Image
from oddflow.features.matrix_settings import CELLS, ROWS, SLOTS, MatrixSettings
from oddflow.features.names import STEPS, Names
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
VIEWS = (*FEATURES, *Sequence.features, *Image().features)
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


class _Shared:
    """Rows that many tests share: whoever writes into them raises."""

    def __post_init__(self):
        for rows in vars(self).values():
            if isinstance(rows, np.ndarray):
                rows.setflags(write=False)


@dataclass(frozen=True)
class Problem(_Shared):
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


def name_rows(count, seed):
    """Names of syllables, in half of them the vowel first; 24 characters each, as tokens; (n, 64)."""
    rng = np.random.default_rng(seed)
    consonants, vowels = np.array([2, 4, 12, 13, 14, 18, 19, 20]), np.array([1, 5, 9, 15])
    rows = np.zeros((count, STEPS))
    first = rng.integers(0, 2, (count, 1))
    is_vowel = (np.arange(24) + first) % 2 == 1
    rows[:, :24] = np.where(is_vowel, rng.choice(vowels, (count, 24)), rng.choice(consonants, (count, 24)))
    return rows.astype(np.float32)


def name_problem():
    normal = name_rows(200, 1)
    far = np.random.default_rng(4).integers(21, 46, normal.shape).astype(np.float32)
    return Problem(Names.features, name_rows(600, 0), normal, mixed_columns(name_rows(200, 2), 3), far)


def odd_packets(count, seed=2):
    """Kinds of packets that follow each other in no normal flow, though each place sees what it always sees."""
    rows = packet_rows(count, seed)
    rng = np.random.default_rng(seed + 1)
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
        Reads.PACKETS: tabular_problem,
        Reads.MATRIX: matrix_problem,
        Reads.SEVERAL: views_problem,
        Reads.NAMES: name_problem,
        Reads.RATES: rate_problem,
    }[reads]()


@dataclass(frozen=True)
class LabelledProblem(_Shared):
    """Rows of one kind of input with labels, rows to test on, and a second kind of attack, plain to see."""

    features: tuple[Feature, ...]
    x: np.ndarray
    y: np.ndarray
    normal: np.ndarray
    odd: np.ndarray
    far: np.ndarray


def labelled(features, normal, odd, test, far):
    return LabelledProblem(
        features, np.concatenate([normal, odd]), np.repeat([0, 1], [len(normal), len(odd)]), *test, far
    )


def labelled_rows():
    far = normal_rows(230, 8)
    far[:, 1:3] *= 30
    test = normal_rows(300, 1), odd_rows(300, 2)
    return labelled(FEATURES, normal_rows(900, 0), odd_rows(100, 5), test, far)


def labelled_images():
    far = image_rows(130, 8)
    far[:, 400:500] = 1
    test = image_rows(60, 1), mixed_columns(image_rows(60, 2), 3)
    return labelled(Image().features, image_rows(200, 0), mixed_columns(image_rows(100, 5), 6), test, far)


def labelled_packets():
    far = packet_rows(230, 8)
    far[:, 6:12] = np.tile([700, -700], 3)
    test = packet_rows(200, 1), odd_packets(200)
    return labelled(Sequence.features, packet_rows(600, 0), odd_packets(200, 5), test, far)


def labelled_views():
    """Statistics, packets and bytes side by side; an attack is odd in one of the three, far-out ones in packets."""
    normal, test = view_rows(300, 0), view_rows(100, 1)
    odd, odd_test = odd_views(150, 5), odd_views(150, 7)
    far = view_rows(90, 8)
    far[:, 16:22] = np.tile([700, -700], 3)
    return labelled(VIEWS, normal, odd, (test, odd_test), far)


def views_problem():
    far = view_rows(100, 1)
    far[:, 1:5] *= 1_000
    return Problem(VIEWS, view_rows(300, 0), view_rows(100, 1), odd_views(150, 7), far)


def view_rows(count, seed):
    return np.concatenate([normal_rows(count, seed), packet_rows(count, seed), image_rows(count, seed)], axis=1)


def odd_views(count, seed):
    rows, third = view_rows(count, seed), count // 3
    rows[:third, :10] = odd_rows(third, seed)
    rows[third : 2 * third, 10:74] = odd_packets(third, seed)
    rows[2 * third :, 74:] = mixed_columns(image_rows(count - 2 * third, seed), seed)
    return rows


def matrix_rows(count, seed, *, attack=0.0):
    """A host's flows to three ports now and then, and one just now; with `attack`, many ports of late; (n, 784)."""
    rng = np.random.default_rng(seed)
    cells = np.zeros((count, ROWS, SLOTS))
    cells[:, [11, 12, 17]] = rng.poisson(0.3, (count, 3, SLOTS))
    cells[np.arange(count), rng.choice([11, 12, 17], count), SLOTS - 1] += 1
    if attack:
        first, begin = rng.integers(0, ROWS - 8, (count, 1, 1)), rng.integers(SLOTS - 12, SLOTS - 1, (count, 1, 1))
        row, column = np.arange(ROWS)[:, None], np.arange(SLOTS)
        where = (row >= first) & (row < first + 8) & (column >= begin)
        cells += where * rng.poisson(attack, cells.shape)
    return cells.reshape(count, CELLS).astype(np.float32)


def matrix_problem():
    odd, far = matrix_rows(100, 2, attack=1.0), matrix_rows(100, 3, attack=40.0)
    return Problem(MatrixSettings().features(), matrix_rows(200, 0), matrix_rows(100, 1), odd, far)


def labelled_matrices():
    test = matrix_rows(100, 1), matrix_rows(100, 2, attack=1.0)
    far = matrix_rows(130, 8, attack=40.0)
    features = MatrixSettings().features()
    return labelled(features, matrix_rows(200, 0), matrix_rows(100, 5, attack=1.0), test, far)


@cache
def labelled_problem_for(reads):
    """The same with labels; of the far-out rows, the first 30 are for learning."""
    problems = {
        Reads.TABULAR: labelled_rows,
        Reads.IMAGE: labelled_images,
        Reads.SEQUENCE: labelled_packets,
        Reads.SEVERAL: labelled_views,
        Reads.MATRIX: labelled_matrices,
    }
    return problems[reads]()
