"""What a page says of a sealed model: its manifest, its seal and its held-back scores, without the model itself."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from oddflow.models.format import read_sealed
from oddflow.models.manifest import Manifest
from oddflow.models.registry.named import Version
from oddflow.models.registry.registry import Registry
from oddflow.reports.fits import Fit
from oddflow.reports.learning import Seal
from oddflow.reports.lines import losses_chart
from oddflow.reports.manifest import ManifestView, manifest_view
from oddflow.reports.samples import sample_words
from oddflow.reports.scores import scores_chart
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.detection import Threshold
from oddflow.verdicts.tally import ScoreTally

MOST_KEPT = 32
"""Cards of so many models stay in memory; each is a few hundred kilobytes at most."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's card.

    Attributes:
        manifest: What the model says of itself.
        seal: Who signed it, and the tables of its evaluation.
        view: The manifest as labelled facts.
        scores: Its held-back scores as a chart.
        losses: How its losses fell, as a chart; empty where it learns without epochs.
        threshold: Of the usual budget.
        samples: What held-back rows cannot tell, in words.
        bytes: Of its file.
    """

    manifest: Manifest
    seal: Seal
    view: ManifestView
    scores: Markup
    losses: Markup
    threshold: Threshold
    samples: tuple[str, ...]
    bytes: int


def card_of(registry: Registry, version: Version) -> ModelCard:
    """The card of a version.

    Raises:
        BrokenRegistry, Tampered, NotAModel: Its file is gone, or is another.
    """
    place = registry.place_of(version)
    if not place.is_file():
        registry.check(version)  # says what is wrong
    return _card(str(place), version.sha256)


@lru_cache(MOST_KEPT)
def _card(path: str, sha256: str) -> ModelCard:  # noqa: ARG001  (what is kept is kept for this content alone)
    archive = read_sealed(path)
    manifest = archive.manifest
    fit = Fit.of(manifest)
    threshold = set_threshold(archive.held_back, Budget.parse(DEFAULT_BUDGET), manifest.flows_per_s)
    return ModelCard(
        manifest=manifest,
        seal=Seal.of(archive),
        view=manifest_view(manifest.model_dump(mode="json")),
        scores=_scores(archive.held_back, threshold),
        losses=losses_chart(fit) if fit and len(fit.train) > 1 else Markup(""),
        threshold=threshold,
        samples=tuple(sample_words(manifest)),
        bytes=Path(path).stat().st_size,
    )


def _scores(held_back: NDArray[np.float32], threshold: Threshold) -> Markup:
    normal = ScoreTally()
    normal.add(held_back)
    return scores_chart(ScoreTally().drawn_beside(normal), threshold)
