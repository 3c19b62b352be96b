"""REINFORCE with a baseline: the policy gradient of whole trajectories.

As the notes state it (002, sections 12.3 and 12.4): a trajectory τ = s_1, a_1, r_1, s_2, a_2, r_2, …, s_T of a policy
π_θ(a|s) has the discounted return R(τ) = Σ_{t=1}^{T−1} γ^{t−1} r_t, and θ* = arg max_θ E_{τ∼p(τ)}[R(τ)] is climbed by
gradient ascent. Its gradient is E[Σ_t ∇_θ log π_θ(a_t|s_t) (R_t − b(s_t))], where R_t = Σ_{k≥t} γ^{k−t} r_k is the
return from t on, which alone a_t can change, and the baseline b does not depend on a_t.

Source: Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning",
theorem 1; the baseline as a learnt value, Sutton & Barto 2018, "Reinforcement Learning", section 13.4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Environment = gym.Env[Any, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is learnt.

    Attributes:
        episodes: In all.
        batch: Episodes of one step of gradient ascent.
        discount: γ, of each step.
        rate: Adam's, for the policy; it falls to a tenth, linearly.
        value_rate: The same for the baseline.
        entropy: What a nat of the policy's entropy is worth, against settling too soon (Williams & Peng 1991).
        seed: Of actions and environments.
    """

    episodes: int = 6_400
    batch: int = 32
    discount: float = 0.99
    rate: float = 3e-3
    value_rate: float = 1e-2
    entropy: float = 0.01
    seed: int = 0


@dataclass(slots=True)
class Trajectory:
    """One episode: s_t, a_t and r_t for t = 1 … T − 1."""

    states: list[NDArray[np.float32]] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def returns(self, discount: float) -> NDArray[np.float32]:
        """R_t = Σ_{k≥t} γ^{k−t} r_k for each t, (T − 1,).

        >>> Trajectory(rewards=[0.0, 0.0, 1.0]).returns(0.5).tolist()
        [0.25, 0.5, 1.0]
        """
        found = np.zeros(len(self.rewards), np.float32)
        after = 0.0
        for t in range(len(self.rewards) - 1, -1, -1):
            after = self.rewards[t] + discount * after
            found[t] = after
        return found


def play(
    environments: Sequence[Environment], policy: nn.Module, chance: torch.Generator | None, seeds: Sequence[int]
) -> list[Trajectory]:
    """One whole episode of each environment, side by side.

    Args:
        environments: Each by itself.
        policy: States (n, …) -> logits (n, actions).
        chance: Actions are drawn with it; without, the likeliest is taken.
        seeds: Each environment's.
    """
    found = [Trajectory() for _ in environments]
    states = [environment.reset(seed=seed)[0] for environment, seed in zip(environments, seeds, strict=True)]
    live = list(range(len(environments)))
    while live:
        with torch.no_grad():
            logits = policy(torch.from_numpy(np.stack([states[i] for i in live])))
        if chance is None:
            actions = logits.argmax(dim=1).tolist()
        else:
            actions = torch.multinomial(logits.softmax(dim=1), 1, generator=chance).squeeze(1).tolist()
        still = []
        for i, action in zip(live, actions, strict=True):
            state, reward, terminated, truncated, _ = environments[i].step(action)
            found[i].states.append(states[i])
            found[i].actions.append(action)
            found[i].rewards.append(float(reward))
            states[i] = state
            if not (terminated or truncated):
                still.append(i)
        live = still
    return found


def reinforce(
    make: Callable[[], Environment],
    policy: nn.Module,
    baseline: nn.Module,
    settings: Settings,
    told: Callable[[int, float], object] | None = None,
) -> list[float]:
    """Learns a policy in place; the undiscounted return of each episode.

    Args:
        make: A new environment.
        policy: States (n, …) -> logits (n, actions).
        baseline: States (n, …) -> values (n,).
        settings: How.
        told: Told of the episodes so far and the mean return of the last batch.
    """
    environments = [make() for _ in range(settings.batch)]
    chance = torch.Generator().manual_seed(settings.seed)
    climb = torch.optim.Adam(policy.parameters(), settings.rate)
    fit = torch.optim.Adam(baseline.parameters(), settings.value_rate)
    rounds = max(1, settings.episodes // settings.batch)
    slower = [torch.optim.lr_scheduler.LinearLR(each, 1.0, 0.1, rounds) for each in (climb, fit)]
    history: list[float] = []
    for number in range(rounds):
        # seeds of environments never meet those of a test, which are below 1,000,000
        first = 1_000_000 + (settings.seed * rounds + number) * settings.batch
        trajectories = play(environments, policy, chance, range(first, first + settings.batch))
        states = torch.from_numpy(np.concatenate([np.stack(one.states) for one in trajectories]))
        actions = torch.tensor([action for one in trajectories for action in one.actions])
        returns = torch.from_numpy(np.concatenate([one.returns(settings.discount) for one in trajectories]))
        _step(climb, _loss(policy, baseline, states, actions, returns, settings))
        for _ in range(4):
            _step(fit, nn.functional.mse_loss(baseline(states), returns))
        for each in slower:
            each.step()
        history += [sum(one.rewards) for one in trajectories]
        if told:
            told(len(history), float(np.mean(history[-settings.batch :])))
    return history


def _loss(
    policy: nn.Module, baseline: nn.Module, states: Tensor, actions: Tensor, returns: Tensor, settings: Settings
) -> Tensor:
    """−J, whose gradient is that of the module's head, the advantages in units of their spread."""
    log_pi = policy(states).log_softmax(dim=1)  # (n, actions)
    with torch.no_grad():
        advantage = returns - baseline(states)
        advantage = advantage / advantage.std().clamp_min(1e-6)
    chosen = log_pi.gather(1, actions[:, None]).squeeze(1)
    entropy = -(log_pi.exp() * log_pi).sum(dim=1)
    loss: Tensor = -(chosen * advantage).mean() - settings.entropy * entropy.mean()
    return loss


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
