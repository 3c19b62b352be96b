"""What is to happen when: drawn from the seed before anything runs, so that actors can keep clear."""

import random
from dataclasses import dataclass

import office

DEFAULT_S = 720
CALM_S, GAP_S = 90, 120  # at the default length; shorter labs scale them


@dataclass(frozen=True)
class Attack:
    """One attack leg's schedule; times in seconds after the capture begins."""

    kind: str
    attacker: str
    victim: str
    port: int
    start_s: float
    limit_s: float

    @property
    def end_s(self) -> float:
        """When it is over at the latest."""
        return self.start_s + self.limit_s


# kind -> (victim, port, seconds at the default length, least seconds)
KINDS = {
    "port scan": (office.FILES, 0, 20, 4),
    "password guessing": (office.BUILD, 22, 45, 8),
    "slow http": (office.WEB, 80, 55, 9),
    "dns tunnel": (office.DNS, 53, 80, 11),
}


def plan_attacks(seed: int, seconds: int) -> list[Attack]:
    """Four attacks in an order, by two hosts and at times that the seed decides."""
    rng = random.Random(f"{seed}-attacks")
    scale = min(1.0, seconds / DEFAULT_S)
    limits = {kind: max(least, usual * scale) for kind, (_, _, usual, least) in KINDS.items()}
    order = rng.sample(list(KINDS), k=len(KINDS))
    quiet_s = seconds * 0.98 - sum(limits.values())
    share = min(scale, quiet_s / (CALM_S + 3 * GAP_S))
    calm, gap = CALM_S * share, GAP_S * share
    slack = quiet_s - calm - 3 * gap
    cuts = sorted(rng.uniform(0, max(0.0, slack)) for _ in order)
    first, second = rng.sample([person.name for person in office.PEOPLE], k=2)
    attacks, clock = [], calm
    for i, kind in enumerate(order):
        victim, port, _, _ = KINDS[kind]
        start_s = clock + cuts[i]
        attacker = first if i % 2 == 0 else second
        attacks.append(Attack(kind, attacker, victim.name, port, round(start_s, 1), round(limits[kind], 1)))
        clock += limits[kind] + gap
    return attacks


def held(attacks: list[Attack], host: str) -> list[Attack]:
    """Where a host's benign actors must not open connections, so that truth stays exact."""
    return [a for a in attacks if a.attacker == host and a.kind in {"password guessing", "slow http"}]
