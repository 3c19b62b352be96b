"""More attacks of the rare kinds, made like those that are known, for detectors that learn from attacks.

They are made within each fit, of the rows that the fit learns from, and added to those alone: no row that was held
back is learnt from, and none that was made is ever held back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.learning.learn import Split
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler
from oddflow.training.samples import Maker, more_like

FEWEST_OF_A_KIND = 8
"""Of fewer attacks nothing is made: too little is known of them."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How attacks are made.

    Args:
        maker: "conditional-gan", "wgan-gp" or "vae"; see `training.samples.Maker`.
        features: The columns of a row.
        share: Each kind of attack is brought up to this share of the normal rows; one that has as many is left.
        seed: Of all chance in it.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets"; for rare attacks, Lee & Park 2021,
    "GAN-based imbalanced data intrusion detection system".

    Raises:
        UsageError: There is no such maker, or the share is none.
    """

    maker: str
    features: Sequence[Feature]
    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what nothing can be made with."""
        if self.maker not in list(Maker):
            raise UsageError(f"--augment must be one of {', '.join(Maker)}; {self.maker!r} given")
        if not 0 < self.share <= 1:
            raise UsageError(
                f"--augment-to must be above 0 and at most 1, a share of normal rows; {self.share!r} given"
            )

    def __call__(self, split: Split) -> Split:
        """The split with attacks added to those that are learnt; all else in it is the same."""
        normal, attacks = split.known, split.attacks
        kinds, places, counts = np.unique(split.kinds, return_inverse=True, return_counts=True)
        goal = round(self.share * len(normal))
        # class 0 is normal, and the kinds follow
        wanted = {
            1 + place: goal - int(count) for place, count in enumerate(counts) if FEWEST_OF_A_KIND <= count < goal
        }
        if not wanted:
            return split
        x = np.concatenate([normal, attacks])
        classes = np.concatenate([np.zeros(len(normal), np.int64), 1 + places.reshape(-1)])
        scaler = Scaler.fit(x, self.features)
        scaled = scaler.transform(x)
        made = more_like(Maker(self.maker), torch.from_numpy(scaled), torch.from_numpy(classes), wanted, seed=self.seed)
        rows = [_like(scaler, part.numpy(), x[classes == kind], scaled[classes == kind]) for kind, part in made.items()]
        added = np.concatenate([np.full(len(part), kinds[kind - 1]) for kind, part in made.items()])
        return replace(
            split,
            attacks=np.concatenate([attacks, *rows]),
            kinds=np.concatenate([split.kinds, added]),
            made=len(added),
        )


def _like(scaler: Scaler, made: Floats, true: Floats, true_scaled: Floats) -> Floats:
    """Raw rows within what the class was seen to be: its range, its categories, whole numbers where all were.

    Shapes: (k, m), (n, d), (n, m) -> (k, d).
    """
    never = scaler.known & (true_scaled.max(axis=0) <= 0)
    rows = scaler.inverse(np.where(never, np.float32(-1e9), made))
    whole = (true == np.round(true)).all(axis=0)
    rows = np.where(whole, np.round(rows), rows)
    return np.asarray(np.clip(rows, true.min(axis=0), true.max(axis=0)), np.float32)
