"""REINFORCE on a problem with a known answer: CartPole-v1, solved at a mean return of 475 over 100 episodes.

Source: Barto, Sutton & Anderson 1983, "Neuronlike Adaptive Elements That Can Solve Difficult Learning Control
Problems"; Gymnasium's CartPole-v1, whose episodes end after 500 steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from oddflow.networks.activation import Activation
from oddflow.networks.dense import MultilayerPerceptron
from oddflow.triage.reinforce import Environment, Settings, play, reinforce

SOLVED = 475.0
EPISODES = 100
USUAL = Settings(episodes=1_200, batch=16, discount=0.99, rate=1e-2, value_rate=1e-2, entropy=0.0)


@dataclass(frozen=True, slots=True)
class Balanced:
    """How long a learnt policy balances.

    Attributes:
        seed: Of the learning.
        first: Mean return of the first hundred episodes of the learning.
        mean: Mean return over 100 other episodes, taking the likeliest action.
        least: The worst of them.
    """

    seed: int
    first: float
    mean: float
    least: float

    @property
    def solved(self) -> bool:
        """Whether the mean is 475 or more."""
        return self.mean >= SOLVED


class _Value(nn.Module):
    """What a state is worth: (n, 4) -> (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = MultilayerPerceptron(4, 1, (64,), activation=Activation.TANH)

    def forward(self, states: Tensor) -> Tensor:
        worth: Tensor = self.body(states).squeeze(1)
        return worth


def make() -> Environment:
    """The environment."""
    environment: Environment = gym.make("CartPole-v1")
    return environment


def balance(settings: Settings, told: Callable[[int, float], object] | None = None) -> Balanced:
    """Learns to balance, and is tried on 100 episodes with seeds that the learning never saw."""
    torch.manual_seed(settings.seed)
    policy = MultilayerPerceptron(4, 2, (64,), activation=Activation.TANH)
    returns = reinforce(make, policy, _Value(), settings, told)
    tried = [sum(one.rewards) for one in play([make() for _ in range(EPISODES)], policy, None, range(EPISODES))]
    return Balanced(settings.seed, float(np.mean(returns[:100])), float(np.mean(tried)), float(min(tried)))
