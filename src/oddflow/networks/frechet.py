"""How far generated rows are from true ones, as clouds of features."""

import torch
from torch import Tensor


def frechet_distance(x: Tensor, y: Tensor) -> Tensor:
    """Distance of two clouds, as if each were Gaussian: (n, features), (m, features) -> ().

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). Samples that are all alike (mode collapse) are far from rows that are not.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", eq. 6; notes 002, section 11.3 (FID).
    """
    first, second = x.double(), y.double()
    root = _root(torch.cov(first.t()).reshape(first.shape[1], -1))
    other = torch.cov(second.t()).reshape(second.shape[1], -1)
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    apart = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    distance: Tensor = apart + (root @ root).trace() + other.trace() - 2 * cross
    return distance.clamp(min=0)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.t()
    return root
