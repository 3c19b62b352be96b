"""The page of one learning: how the losses fell, what that tells, and what came out.

As the report of a detection it is one HTML file that needs nothing else, and all words of others are hostile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from oddflow.losses import Ledger
from oddflow.models.card import CardTable
from oddflow.models.format import Archive
from oddflow.models.kinds import is_of_feature_set
from oddflow.models.manifest import Manifest
from oddflow.reports import words
from oddflow.reports.fits import Fit
from oddflow.reports.fitting import Remark, Verdict, remarks
from oddflow.reports.lines import Scale, losses_chart, rates_chart, spark
from oddflow.reports.manifest import manifest_view
from oddflow.reports.samples import sample_words
from oddflow.reports.scores import scores_chart
from oddflow.reports.shell import rendered
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.detection import Threshold
from oddflow.verdicts.tally import ScoreTally

MOST_LAYERS = 60

CardRows = list[tuple[str, str, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Seal:
    """What the sealed file brings beside its manifest: who signed it, in words, and the tables of its card."""

    signed: str
    tables: list[tuple[CardTable, CardRows]]

    @classmethod
    def of(cls, archive: Archive, *, verified: bool = False) -> "Seal":
        """Of a model; `verified` where its key is one that the reader knows."""
        tables = archive.card.tables if archive.card else []
        return cls(signed_words(archive, verified=verified), [(table, card_rows(table)) for table in tables])


def signed_words(archive: Archive, *, verified: bool) -> str:
    """Who signed a model, and what that tells."""
    signature = archive.signature
    if signature is None:
        return "by nobody: its hashes tell that it is whole, not who made it"
    who = "which you gave" if verified else "and whose that is you must know (--verify PUBKEY)"
    return f"by the Ed25519 key {signature.signer}, {who}; the signature holds"


def card_rows(table: CardTable) -> CardRows:
    """A card's rows with their figures in words: title, test part, and each figure's name with its interval.

    Rows of the model's own detector come first.
    """
    rows = sorted(table.rows, key=lambda row: not row.own)
    return [
        (row.title, row.part, [(one.title, f"{one.value:.4g} ({one.low:.4g}–{one.high:.4g})") for one in row.figures])
        for row in rows
    ]


_ENDED = {
    Verdict.TOO_SHORT: "too few epochs to judge it",
    Verdict.STILL_LEARNING: "it was still learning when it ended",
    Verdict.UNDERFIT: "it hardly learnt",
    Verdict.OVERFIT: "it began to learn rows by heart, and was stopped",
    Verdict.GAP: "it knows its own rows better than others",
    Verdict.SOUND: "no sign of under- or overfitting",
    Verdict.UNJUDGED: "a game, which its losses do not judge",
    Verdict.DIVERGED: "it diverged",
    Verdict.RESTLESS: "it was restless",
    Verdict.GRADIENTS: "its gradients give reason to worry",
}


def render(
    manifest: Manifest,
    held_back: NDArray[np.float32],
    fits: Sequence[Fit] = (),
    ledger: Ledger | None = None,
    *,
    seal: Seal | None = None,
    generated: datetime | None = None,
) -> str:
    """The page as HTML: a pure function of what is given and the time of generation.

    Args:
        manifest: Of the model that came out.
        held_back: Scores of normal rows that it did not learn, ascending, (n,).
        fits: All that were made on the way, the sealed one last; unless given, the one that the manifest tells of.
        ledger: What was read and what was lost, where that is known.
        seal: What the file brings beside its manifest, where there is one.
        generated: When the page was made; now if None.
    """
    told = list(fits) or [fit for fit in [Fit.of(manifest)] if fit]
    sealed = told[-1] if told else None
    found = remarks(sealed) if sealed else []
    threshold = set_threshold(held_back, Budget.parse(DEFAULT_BUDGET), manifest.flows_per_s)
    return rendered(
        "learning.html",
        generated=generated,
        manifest_of=manifest,
        rows="row" if is_of_feature_set(manifest) else "flow",
        learnt=manifest.training.fit_rows + manifest.training.validation_rows,
        fit=sealed,
        others=len(told) - 1,
        ended=_ENDED[found[0].verdict] if found else "it learns without epochs",
        grave=bool(found) and found[0].grave,
        remarks=[(one, _mark(one)) for one in found],
        losses=losses_chart(sealed, told[:-1]) if sealed and len(sealed.train) > 1 else "",
        rates=rates_chart(sealed.rates) if sealed and len(set(sealed.rates)) > 1 else "",
        layers=_layers(sealed) if sealed else [],
        layers_left=max(0, len(sealed.gradients) - MOST_LAYERS) if sealed else 0,
        samples=sample_words(manifest),
        scores=_scores(held_back, threshold),
        threshold=threshold,
        learning_s=words.duration(round(1e9 * manifest.provenance.durations_s.get("learning", 0.0))),
        manifest=manifest_view(manifest.model_dump(mode="json")),
        ledger=ledger,
        seal=seal,
    )


def _mark(remark: Remark) -> str:
    if remark.verdict is Verdict.SOUND:
        return "found"
    return "warned" if remark.grave else ""


def _layers(fit: Fit) -> list[tuple[str, Markup, float]]:
    """Each layer, its norms drawn on the scale of all, and the last of them."""
    shown = list(fit.gradients.items())[:MOST_LAYERS]
    positive = [norm for _, norms in shown for norm in norms if norm > 0]
    scale = Scale.of(positive, log=True)
    return [
        (layer, spark(norms, scale, f"Gradient norm of {layer}, {words.number(norms[-1])} at the end"), norms[-1])
        for layer, norms in shown
    ]


def _scores(held_back: NDArray[np.float32], threshold: Threshold) -> Markup:
    normal = ScoreTally()
    normal.add(held_back)
    return scores_chart(ScoreTally().drawn_beside(normal), threshold)
