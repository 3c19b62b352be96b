"""Made rows are only ever learnt: how that is seen to, and how it is checked each time.

What makes rows is shown those that are learnt from and no others. What it gives back is compared by fingerprints: rows
that were seen are as they were, nothing that stops learning or sets a threshold has changed, and no made row is one of
those, unless it is also one that was learnt from anyway.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.made import last_seen
from oddflow.errors import LearningFailed
from oddflow.models.rows import Floats

if TYPE_CHECKING:
    from oddflow.learning.learn import Augment, Split

Prints = NDArray[np.uint64]

MOST_ALIKE = 0.1
"""Of the made rows, so many may come out like held-back ones by chance, as short flows do: they are left out. More is
no chance."""
_BLOCK = 8_192


@dataclass(frozen=True, slots=True)
class Compared:
    """What was checked.

    Attributes:
        rows: Rows that stop learning or set the threshold, none of which any made row is.
        dropped: Rows that were made and left out, as they came out like one of those.
    """

    rows: int = 0
    dropped: int = 0


NOTHING = Compared()


def augmented(split: "Split", augment: "Augment", *, supervised: bool, watches: bool) -> "Split":
    """The split with made rows among those that are learnt, and what was compared.

    Args:
        split: Rows by their use.
        augment: What makes rows; it sees neither rows that are held back nor those that tell when to stop.
        supervised: Whether the detector learns from attacks. If not, validation rows tell it when to stop.
        watches: Whether the last of each kind tell it when to stop (`Detector.watches_last`).

    Raises:
        LearningFailed: Rows other than made ones are not as they were, or made ones are held-back ones.
    """
    shown, validation, watched = _shown(split, supervised=supervised, watches=watches)
    more = augment(shown)
    _check_seen(shown, more)
    unseen = np.concatenate([prints(split.held_back), prints(watched)])
    known = np.concatenate([prints(shown.known), prints(shown.attacks)])
    secret = unseen[~np.isin(unseen, known)]
    normal, attacks = _made(more)
    alike = [np.isin(prints(part), secret) for part in (normal, attacks)]
    count, dropped = len(normal) + len(attacks), int(sum(part.sum() for part in alike))
    if dropped > max(1, MOST_ALIKE * count):
        raise LearningFailed(
            f"{dropped:,} of {count:,} rows that {augment.told} made are rows that were held back: it has seen what it "
            "must not see, and nothing is learnt from them"
        )
    normal, attacks = normal[~alike[0]], attacks[~alike[1]]
    return replace(
        split,
        fit=np.concatenate([more.fit[: len(more.fit) - more.made_normal], normal]),
        validation=validation,
        attacks=np.concatenate([split.attacks, attacks]),
        kinds=np.concatenate([split.kinds, more.kinds[len(more.kinds) - more.made :][~alike[1]]]),
        made=len(attacks),
        made_normal=len(normal),
        compared=Compared(len(unseen), dropped),
    )


def prints(x: Floats) -> Prints:
    """A number for each row, the same for the same row and hardly ever for another: (n, d) -> (n,).

    Source: multiply-add hashing of strings, Dietzfelbinger et al. 1997, with constants that are drawn once.
    """
    factors = np.random.default_rng(0x0DDF).integers(0, 2**64, x.shape[1] + 1, np.uint64) | np.uint64(1)
    found = np.empty(len(x), np.uint64)
    for start in range(0, len(x), _BLOCK):
        block = np.ascontiguousarray(x[start : start + _BLOCK] + np.float32(0), np.float32)  # -0 is 0
        words = block.view(np.uint32).astype(np.uint64)
        mixed = (words * factors[:-1]) ^ ((words * factors[1:]) >> np.uint64(29))
        found[start : start + _BLOCK] = mixed.sum(axis=1, dtype=np.uint64)
    return found


def _shown(split: "Split", *, supervised: bool, watches: bool) -> tuple["Split", Floats, Floats]:
    """What a maker may see, the normal rows behind those to fit, and all rows of the split that it may not see."""
    nothing = replace(split, held_back=split.held_back[:0], owners=None)
    if not supervised:
        shown = replace(nothing, validation=split.validation[:0], attacks=split.attacks[:0], kinds=split.kinds[:0])
        return shown, split.validation, split.validation
    if not watches:
        return nothing, split.validation, split.known[:0]
    known = split.known
    last = last_seen(np.zeros(len(known), np.int64), np.zeros(len(known), bool))
    last_attacks = last_seen(split.kinds, np.zeros(len(split.kinds), bool))
    shown = replace(
        nothing,
        fit=known[~last],
        validation=known[:0],
        attacks=split.attacks[~last_attacks],
        kinds=split.kinds[~last_attacks],
    )
    return shown, known[last], np.concatenate([known[last], split.attacks[last_attacks]])


def _check_seen(shown: "Split", more: "Split") -> None:
    """That nothing but made rows came, and nothing but normal rows to fit may have been left out."""
    seen_fit, seen_attacks = len(more.fit) - more.made_normal, len(more.attacks) - more.made
    same = {
        "rows to stop by": np.array_equal(shown.validation, more.validation),
        "rows that were held back": np.array_equal(shown.held_back, more.held_back),
        "attacks": seen_attacks == len(shown.attacks) and np.array_equal(shown.attacks, more.attacks[:seen_attacks]),
        "kinds of attack": np.array_equal(shown.kinds, more.kinds[:seen_attacks])
        and len(more.kinds) == len(more.attacks),
        "normal rows": seen_fit <= len(shown.fit) and _all_of(more.fit[: max(0, seen_fit)], shown.fit),
    }
    changed = [what for what, is_same in same.items() if not is_same]
    if changed:
        raise LearningFailed(
            f"what makes rows may add rows that it counts, and nothing else; it changed the {', the '.join(changed)}"
        )


def _all_of(rows: Floats, known: Floats) -> bool:
    return rows.shape[1] == known.shape[1] and bool(np.isin(prints(rows), prints(known)).all())


def _made(more: "Split") -> tuple[Floats, Floats]:
    """Made normal rows, and made attacks."""
    return more.fit[len(more.fit) - more.made_normal :], more.attacks[len(more.attacks) - more.made :]
