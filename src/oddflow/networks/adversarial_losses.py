"""What the two players of a game lose.

All take log-odds of a discriminator, or heights of a critic, of real and generated rows: (n,), (m,) -> ().
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

Critic = Callable[[Tensor], Tensor]
"""Rows or images (n, …) -> (n,)."""


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))).

    Source: Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1; notes 002, section 11.1.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """−E log D(G(z)), whose gradient stays strong where the discriminator is sure.

    Source: Goodfellow et al. 2014, section 3; notes 002, section 11.1.
    """
    return softplus(-fake).mean()


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))), the same game as the discriminator's with the sign turned; it learns slowly at first.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return -softplus(fake).mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))); its generator's loss is `critic_generator_loss`.

    Source: Lim & Ye 2017, "Geometric GAN"; Zhang et al. 2019 (self-attention GAN), eq. 4.
    """
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E f(G(z)) − E f(x): minus the earth-mover distance, where f is as steep as 1 and no steeper.

    Source: Arjovsky et al. 2017, "Wasserstein GAN", eq. 2; notes 002, section 11.6.
    """
    return fake.mean() - real.mean()


def critic_generator_loss(fake: Tensor) -> Tensor:
    """−E f(G(z)).

    Source: Arjovsky et al. 2017, algorithm 1; notes 002, section 11.6.
    """
    return -fake.mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, between: Tensor) -> Tensor:
    """E (‖∇f(x̂)‖ − 1)² at x̂ between real and generated rows: (n, …), (n, …), (n,) -> ().

    Args:
        critic: Heights of rows.
        real: True rows.
        fake: As many generated rows.
        between: Where x̂ lies, uniform from 0 (fake) to 1 (real).

    Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3; notes 002, section 11.6.
    """
    share = between.reshape(-1, *[1] * (real.ndim - 1))  # (n, 1, …)
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    steepness: Tensor = torch.linalg.vector_norm(slope.flatten(1), dim=1)  # (n,)
    return (steepness - 1).square().mean()


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float = 0.01) -> None:
    """Keeps all weights within ±limit, so that the critic is of bounded slope: in place.

    Source: Arjovsky et al. 2017, algorithm 1.
    """
    for parameter in critic.parameters():
        parameter.clamp_(-limit, limit)
