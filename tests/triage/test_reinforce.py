"""The policy gradient is the one of the paper, and it learns."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from oddflow.triage.cart_pole import USUAL, balance, make
from oddflow.triage.reinforce import Settings, Trajectory, play, reinforce


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99, 1.0])
def test_returns_are_the_sums_that_the_notes_state(discount):
    rewards = [0.0, 1.0, 0.0, 2.0]
    expected = [sum(discount ** (k - t) * rewards[k] for k in range(t, 4)) for t in range(4)]
    assert np.allclose(Trajectory(rewards=rewards).returns(discount), expected)


class Arms(gym.Env):
    """Three arms, one pull: the second pays, whatever is seen."""

    observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample() * 0 + 1, {}

    def step(self, action):
        return np.ones(2, np.float32), float(action == 1), True, False, {}


class Zero(torch.nn.Module):
    """A baseline that knows nothing; its one weight is not used."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, states):
        return self.weight.expand(len(states))


def test_the_arm_that_pays_is_learnt():
    torch.manual_seed(0)
    policy = torch.nn.Linear(2, 3)
    history = reinforce(Arms, policy, Zero(), Settings(episodes=640, batch=16, rate=0.05, entropy=0.0))
    assert len(history) == 640
    assert policy(torch.ones(1, 2)).softmax(dim=1)[0, 1] > 0.9


def test_the_same_seed_learns_the_same():
    settings = replace(USUAL, episodes=32, seed=4)
    assert balance(settings) == balance(settings)


def test_a_pole_is_balanced_longer_than_by_chance():
    # a short learning; `oddflow triage check` goes on until it is solved
    found = balance(replace(USUAL, episodes=320))
    assert found.mean > 3 * found.first


def test_without_chance_the_likeliest_action_is_taken():
    policy = torch.nn.Linear(4, 2)
    with torch.no_grad():
        policy.weight.zero_()
        policy.bias.copy_(torch.tensor([0.0, 1.0]))
    (one,) = play([make()], policy, None, [0])
    assert set(one.actions) == {1}
