"""Vectors of things from what stands beside them (word2vec)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddflow.models.rows import Floats
from oddflow.networks.embeddings import SkipGram, negative_sampling_loss
from oddflow.training.loop import EpochTold, Schedule, fit_network

NEGATIVES = 5
STEPS = 4_000
"""Of learning, about; but at least five passes over the pairs."""
_BATCH_ROWS = 256


def learn_by_neighbours(
    pairs: NDArray[np.int64], count: int, *, width: int = 16, seed: int = 0, told: EpochTold | None = None
) -> Floats:
    """Learns vectors so that things which stand beside the same things lie near each other.

    Negative samples are drawn by frequency to the power of 3/4. A tenth of the pairs tells when to stop.

    Source: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", section
    2.2.

    Args:
        pairs: What stands beside what, (p, 2), in 0 … count - 1; p ≥ 2.
        count: Things that there are.
        width: Numbers of a vector.
        seed: Of the first weights, the order and the samples.
        told: Told of each epoch.

    Returns:
        (count, width), over the things with mean 0 and deviation 1.
    """
    shares = np.bincount(pairs[:, 0], minlength=count) ** 0.75
    generator = torch.Generator().manual_seed(seed)
    rows = torch.from_numpy(pairs)[torch.randperm(len(pairs), generator=generator)]
    noise = torch.from_numpy(shares / shares.sum())

    def loss(network: nn.Module, given: Tensor) -> Tensor:
        drawn = torch.multinomial(noise, NEGATIVES * len(given), replacement=True, generator=generator)
        centre = given[:, 0]
        return negative_sampling_loss(
            network(centre, given[:, 1:]), network(centre, drawn.reshape(len(given), NEGATIVES).to(given.device))
        )

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SkipGram(count, width)
        cut = max(1, len(rows) // 10)
        epochs = max(5, STEPS * _BATCH_ROWS // len(rows))
        schedule = Schedule(min(500, epochs), _BATCH_ROWS, learning_rate=1e-2, patience=20, seed=seed)
        fit_network(network, loss, rows[cut:], rows[:cut], schedule, told, chance=(generator,))
    vectors = network.inner.weight.detach().numpy().astype(np.float64)
    return np.asarray((vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-6), np.float32)
