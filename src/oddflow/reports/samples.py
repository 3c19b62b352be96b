"""What a model's generated rows are worth, in words."""

from oddflow.models.manifest import Manifest
from oddflow.reports.words import number

LEAST_COVERED = 0.5
LEAST_SPREAD = 0.5


def sample_words(manifest: Manifest) -> list[str]:
    """Of a model that generates rows what was measured of them, and a warning where they left kinds of rows out.

    Nothing for other models. What the figures mean, `oddflow.training.quality.Quality` says.
    """
    found = manifest.metrics
    wanted = [f"samples_{name}" for name in ("covered", "spread", "frechet", "frechet_floor")]
    if any(name not in found for name in wanted):
        return []
    covered, spread, frechet, floor = (found[name] for name in wanted)
    words = [
        f"its samples cover {covered:.0%} of the kinds of rows, {spread:.2f} times as far apart as true ones; Fréchet "
        f"distance {number(frechet)}, between halves of the true rows {number(floor)}"
    ]
    if covered < LEAST_COVERED or spread < LEAST_SPREAD:
        words.append(
            "its samples leave kinds of rows out (mode collapse, or too short a game): try --option game=wgan-gp, a "
            "lower learning_rate or more epochs"
        )
    return words
