"""How a model's gradients went while it learnt, in words: only where they vanished or exploded."""

from oddflow.models.manifest import Manifest
from oddflow.reports.words import number

VANISHED = 1e-6
"""A share of the strongest layer's gradient; with less, a weight hardly moves."""
EXPLODED = 1e3
"""Times the median of all epochs."""


def gradient_words(manifest: Manifest) -> list[str]:
    """A warning for gradients that vanish and for those that explode, each with what to try; else nothing.

    Adam and RMSProp make up for a layer's small gradients as long as they are numbers; what vanishes here does not
    learn by plain steps, and hardly by others.

    Source: Hochreiter 1991; Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks".
    """
    found = manifest.training.gradients
    strongest = max((median for _, median, _ in found.values()), default=0.0)
    if not strongest:
        return []
    words = []
    vanished = [name for name, (_, median, _) in found.items() if median < VANISHED * strongest]
    exploded = [name for name, (_, median, most) in found.items() if median and most > EXPLODED * median]
    if vanished:
        words.append(
            f"gradients vanish in {_named(vanished)} (less than {number(VANISHED)} of the strongest layer's): try a "
            "shallower network, another activation or normalisation=batch"
        )
    if exploded:
        words.append(
            f"gradients explode in {_named(exploded)} (over {EXPLODED:,.0f} times what is usual): try --option clip=1 "
            "or a lower learning_rate"
        )
    return words


def _named(layers: list[str]) -> str:
    more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    return ", ".join(layers[:3]) + more
