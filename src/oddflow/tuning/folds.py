"""How the rows to learn from are dealt, so that each is judged by what was learnt without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.tuning.material import Material, Places

MOST_FOLDS = 100
FEWEST_HELD = 10
"""Fewer normal rows judge nothing."""


class Dealt(StrEnum):
    """What rows of one fold have in common."""

    TIME = "time"
    CAPTURE = "capture"
    HOST = "host"
    FAMILY = "family"
    CHANCE = "chance"


SAID = {
    Dealt.TIME: "blocks of time",
    Dealt.CAPTURE: "whole captures",
    Dealt.HOST: "hosts that talk to each other",
    Dealt.FAMILY: "whole families of attacks, which are then not learnt; normal rows by chance",
    Dealt.CHANCE: "chance, the same share of each class in each fold",
}


@dataclass(frozen=True, slots=True)
class Fold:
    """Places of rows that are learnt from, and of those that judge, ascending."""

    learnt: Places
    judged: Places


@dataclass(frozen=True, slots=True)
class Dealing:
    """How folds are made.

    Attributes:
        folds: Parts that are held back in turn.
        repeats: How often they are dealt anew.
        by: What rows of a fold have in common; "" for captures where there are enough, else time where it is known,
            else chance.
        seed: Of all chance in it.
    """

    folds: int = 5
    repeats: int = 1
    by: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what nothing can be dealt with."""
        if not 2 <= self.folds <= MOST_FOLDS or not 1 <= self.repeats <= MOST_FOLDS:
            raise UsageError(
                f"--folds must be from 2 to {MOST_FOLDS} and --repeats from 1; {self.folds} and {self.repeats} given"
            )
        if self.by and self.by not in list(Dealt):
            raise UsageError(f"--fold-by must be one of {', '.join(Dealt)}; {self.by!r} given")

    def of(self, material: Material, *, needs_attacks: bool) -> tuple[Dealt, list[Fold]]:
        """The folds, and what rows of one have in common.

        Args:
            material: What is dealt.
            needs_attacks: Whether attacks are dealt too, and each side of a fold must hold some; else attacks judge
                in every fold, and none is learnt.

        Raises:
            UsageError: The rows do not say what they are to be dealt by, or no two folds can be judged.
        """
        tried = [Dealt(self.by)] if self.by else self._usual(material)
        for by in tried:
            folds = [
                fold for fold in self._dealt(material, by, needs_attacks) if _judges(material, fold, needs_attacks)
            ]
            if len(folds) >= 2:
                return by, folds
        raise UsageError(
            f"{len(material.x):,} rows, {material.is_attack.sum():,} of them attacks, dealt by {tried[0]} into "
            f"{self.folds} folds leave fewer than two that can be judged; give more rows, or another --fold-by"
        )

    def _usual(self, material: Material) -> list[Dealt]:
        found = [Dealt.CHANCE]
        if material.times_ns is not None and len(np.unique(material.times_ns)) >= self.folds and self.repeats == 1:
            found.insert(0, Dealt.TIME)
        if material.captures is not None and len(np.unique(material.captures)) >= self.folds:
            found.insert(0, Dealt.CAPTURE)
        return found

    def _dealt(self, material: Material, by: Dealt, needs_attacks: bool) -> Iterator[Fold]:
        if by is Dealt.TIME and self.repeats > 1:
            raise UsageError("blocks of time cannot be dealt anew; leave --repeats out, or choose another --fold-by")
        for repeat in range(self.repeats):
            numbers = self._numbers(material, by, np.random.default_rng([self.seed, 8, repeat]))
            for number in range(self.folds):
                is_held = numbers == number
                if needs_attacks:
                    yield Fold(np.flatnonzero(~is_held), np.flatnonzero(is_held))
                else:
                    normal = ~material.is_attack
                    yield Fold(np.flatnonzero(normal & ~is_held), np.flatnonzero(normal & is_held | ~normal))

    def _numbers(self, material: Material, by: Dealt, chance: np.random.Generator) -> Places:
        """The fold that holds each row back, (n,)."""
        if by is Dealt.TIME:
            if material.times_ns is None:
                raise UsageError("these rows do not say when they were; leave --fold-by time out")
            # blocks hold as many normal rows each; attacks belong to the block that was when they ended
            normal = np.sort(material.times_ns[~material.is_attack])
            edges = normal[[len(normal) * number // self.folds for number in range(1, self.folds)]]
            return np.searchsorted(edges, material.times_ns, side="right").astype(np.int64)
        if by is Dealt.CHANCE:
            return _stratified(material.families, self.folds, chance)
        if by is Dealt.FAMILY:
            numbers = chance.integers(0, self.folds, len(material.families))
            numbers[material.is_attack] = _grouped(material.families[material.is_attack], self.folds, chance)
            return numbers
        groups = material.captures if by is Dealt.CAPTURE else material.hosts
        if groups is None:
            raise UsageError(f"these rows do not say of which {by} they are; choose another --fold-by")
        return _grouped(groups, self.folds, chance)


def _stratified(classes: Places, folds: int, chance: np.random.Generator) -> Places:
    numbers = np.empty(len(classes), np.int64)
    dealt = 0
    for label in np.unique(classes):
        places = chance.permutation(np.flatnonzero(classes == label))
        numbers[places] = (dealt + np.arange(len(places))) % folds
        dealt += len(places)
    return numbers


def _grouped(groups: Places, folds: int, chance: np.random.Generator) -> Places:
    """The largest groups first, each to the fold that has the fewest rows; which of equals comes first is chance."""
    known, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = chance.permutation(len(known))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, chosen = np.zeros(folds, np.int64), np.empty(len(known), np.int64)
    for group in order:
        chosen[group] = filled.argmin()
        filled[chosen[group]] += sizes[group]
    return np.asarray(chosen[places.reshape(-1)])


def _judges(material: Material, fold: Fold, needs_attacks: bool) -> bool:
    def both(places: Places) -> tuple[int, int]:
        attacks = int(material.is_attack[places].sum())
        return len(places) - attacks, attacks

    (learnt, learnt_attacks), (judged, judged_attacks) = both(fold.learnt), both(fold.judged)
    enough = learnt >= FEWEST_HELD and judged >= FEWEST_HELD
    return enough and (not needs_attacks or (learnt_attacks > 1 and judged_attacks > 0))


def in_order(material: Material, places: Places, seed: int) -> NDArray[np.int64]:
    """Places in the order in which they are learnt: that of time, else one of chance.

    The last rows tell a detector when to stop, and sets often stand in the order of their classes.
    """
    if material.times_ns is not None:
        return places[np.argsort(material.times_ns[places], kind="stable")]
    return np.random.default_rng([seed, 6]).permutation(places)
