"""What configurations are judged on: the rows to learn from, and nothing of the rows to test on."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.rows import CATEGORIES, LabelledRows, Split
from oddflow.datasets.splits import hosts_together
from oddflow.features.feature import Feature
from oddflow.features.gathering import Gathered
from oddflow.models.rows import Floats

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Material:
    """Rows to learn from, and what is known of each; rows to test on are not in it.

    Attributes:
        features: The d columns.
        x: Raw rows, (n, d).
        kinds: A place in `AttackCategory`, 0 for normal rows, (n,).
        families: Which family of attacks each row is of, a place in `names`, (n,); of normal rows it says nothing.
        names: Of the families: the classes of a set, as it writes them.
        times_ns: When each row was, (n,); None where nobody knows.
        groups: Rows of one group are of one capture, or of hosts that talk to each other, (n,); None where unknown.
    """

    features: tuple[Feature, ...]
    x: Floats
    kinds: Places
    families: Places
    names: tuple[str, ...]
    times_ns: Places | None = None
    captures: Places | None = None
    hosts: Places | None = None

    @classmethod
    def of_rows(cls, rows: LabelledRows, split: Split, *, most: int, seed: int = 0) -> "Material":
        """Of labelled rows, those that a split learns from: of normal rows and attacks at most `most` each, by chance.

        Attacks of each family are drawn in proportion, but not fewer than 50 where there are as many.
        """
        places = _thinned(rows, split.train, most, np.random.default_rng([seed, 7]))
        known = np.unique(rows.y[places])
        return cls(
            features=rows.features,
            x=rows.filled()[places],
            kinds=rows.kinds[places],
            families=np.searchsorted(known, rows.y[places]).astype(np.int64),
            names=tuple(rows.labels[label].name for label in known),
            times_ns=None if rows.times_ns is None else rows.times_ns[places],
            captures=None if rows.capture is None else rows.capture[places].astype(np.int64),
            hosts=None if rows.ends is None else hosts_together(rows.ends.take(places), ("src_ip", "dst_ip")),
        )

    @classmethod
    def of_gathered(cls, gathered: Gathered, *, most: int, seed: int = 0) -> "Material":
        """Of a baseline, at most `most` normal rows and as many attacks, by chance; families are categories."""
        kinds = np.zeros(len(gathered.x), np.int64) if gathered.y is None else gathered.y
        chance = np.random.default_rng([seed, 7])
        drawn = [chance.permutation(np.flatnonzero(side))[:most] for side in (kinds == 0, kinds > 0)]
        places = np.sort(np.concatenate(drawn))
        known, families = np.unique(kinds[places], return_inverse=True)
        return cls(
            features=gathered.features,
            x=gathered.x[places],
            kinds=kinds[places],
            families=families.reshape(-1).astype(np.int64),
            names=tuple(CATEGORIES[kind].value for kind in known),
            times_ns=gathered.times_ns[places],
        )

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Which rows are no normal traffic, (n,)."""
        return self.kinds > 0

    def fingerprint(self) -> str:
        """The same for the same rows and labels: a study goes on with no others."""
        digest = hashlib.sha256()
        for part in (self.x, self.kinds, self.families):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


FEWEST_OF_A_FAMILY = 50


def _thinned(rows: LabelledRows, train: Places, most: int, chance: np.random.Generator) -> Places:
    is_attack = rows.is_attack[train]
    kept = [chance.permutation(train[~is_attack])[:most]]
    attacks = train[is_attack]
    share = min(1.0, most / max(1, len(attacks)))
    for label in np.unique(rows.y[attacks]):
        family = chance.permutation(attacks[rows.y[attacks] == label])
        kept.append(family[: max(FEWEST_OF_A_FAMILY, round(share * len(family)))])
    return np.sort(np.concatenate(kept))
