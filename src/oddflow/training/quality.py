"""How well generated rows stand for true ones: how far off as a cloud, and which kinds of rows they leave out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from oddflow.models.rows import Floats
from oddflow.networks.frechet import frechet_distance

MOST_ROWS = 4_000
KINDS = 20
FEATURES = 32
LEAST_SHARE = 0.1
"""A kind of rows is covered where samples fall in it at least this often, compared with true rows."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of generated rows beside as many true ones.

    Attributes:
        frechet: Fréchet distance to the true rows, in their own principal components.
        frechet_floor: The same between two halves of the true rows: what chance alone gives.
        covered: Share of the kinds of true rows that samples cover; far below 1 is mode collapse.
        spread: Mean distance between two samples, as a share of that between two true rows.
    """

    frechet: float
    frechet_floor: float
    covered: float
    spread: float


def measure(true: Floats, generated: Floats, *, seed: int = 0) -> Quality:
    """Holds generated rows against true ones.

    Kinds are the clusters of k-means in the first principal components of the true rows. A sample falls in the kind
    whose middle is nearest, if it lies no farther from it than all but 1 in 100 of the kind's own rows, and half of
    that again.

    Args:
        true: Scaled rows, or pixels, (n, m); of more than 4,000 an even sample is looked at.
        generated: Rows of the same columns, (k, m).
        seed: Of the clusters.

    Source: Heusel et al. 2017 (Fréchet distance, in principal components in place of Inception's features); Srivastava
    et al. 2017, "VEEGAN", section 4.1 (modes covered); Richardson & Weiss 2018, "On GANs and GMMs" (shares of bins).
    """
    true, generated = few(true), few(generated)
    centre = true.mean(axis=0)
    _, _, axes = np.linalg.svd(true - centre, full_matrices=False)
    kept = axes[:FEATURES].T.astype(np.float32)  # (m, features)
    real, fake = (true - centre) @ kept, (generated - centre) @ kept  # (n, features), (k, features)
    order = np.random.default_rng(seed).permutation(len(real))
    first, second = (real[order[::2]], real[order[1::2]]) if len(real) > 1 else (real, real)
    return Quality(
        frechet=_frechet(real, fake),
        frechet_floor=_frechet(first, second),
        covered=_covered(real, fake, seed),
        spread=_apart(fake) / max(_apart(real), 1e-9),
    )


def few(rows: Floats, most: int = MOST_ROWS) -> Floats:
    """An even sample where there are more: (n, m) -> (at most `most`, m)."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]


def _frechet(real: Floats, fake: Floats) -> float:
    # one row twice is a cloud without width; one row by itself is none
    clouds = [torch.from_numpy(rows if len(rows) > 1 else np.repeat(rows, 2, axis=0)) for rows in (real, fake)]
    return float(frechet_distance(*clouds))


def _covered(real: Floats, fake: Floats, seed: int) -> float:
    different = len(np.unique(real.round(4), axis=0))
    kinds = KMeans(min(KINDS, different), n_init=1, random_state=abs(seed) % 2**32).fit(real)
    count = kinds.n_clusters
    near = np.zeros(count)
    of_real, how_far = kinds.labels_, kinds.transform(real).min(axis=1)
    for kind in range(count):
        near[kind] = 1.5 * np.quantile(how_far[of_real == kind], 0.99) + 1e-3
    distances = kinds.transform(fake)
    of_fake = distances.argmin(axis=1)
    falls = distances.min(axis=1) <= near[of_fake]
    shares = _shares(of_real, count)
    return float((_shares(of_fake[falls], count, len(fake)) >= LEAST_SHARE * shares).mean())


def _shares(places: NDArray[np.int64], count: int, of: int | None = None) -> NDArray[np.float64]:
    return np.asarray(np.bincount(places, minlength=count) / (of or len(places)), np.float64)


def _apart(rows: Floats) -> float:
    """The mean distance of a row and the one half of all rows away: (n, m) -> a number."""
    moved = np.roll(rows, len(rows) // 2, axis=0)
    return float(np.linalg.norm(rows - moved, axis=1).mean())
