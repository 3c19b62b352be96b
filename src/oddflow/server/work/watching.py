"""What judges the flows of a source: its model, with budget, feedback, enrichment and the stage of groups."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oddflow.enrichment.enrichment import Enrichment
from oddflow.models.sealed import SealedModel
from oddflow.server.settings.settings import Settings, SourceSection
from oddflow.server.work.modelled import Modelled
from oddflow.verdicts.alerting import Judged
from oddflow.verdicts.budget import set_threshold
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.collective.groups import GroupSettings
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.detection import Threshold
from oddflow.verdicts.feedback.feedback import FollowedFeedback
from oddflow.verdicts.watching import Watcher


@dataclass(frozen=True, slots=True)
class Watched:
    """A watcher with what people are told of it.

    Attributes:
        watcher: It.
        model: What it judges by.
        threshold: From which score on.
        fingerprint: Of the model.
        remarks: What a person should know of the lists that enrich.
        has_arp: Whether it judges ARP, too.
    """

    watcher: Watcher
    model: Modelled
    threshold: Threshold
    fingerprint: str
    remarks: list[str]
    has_arp: bool


def watched(
    settings: Settings,
    source: SourceSection,
    model: Modelled,
    judged: Callable[[Judged], None],
    *,
    sealed: SealedModel | None = None,
    called: str = "",
) -> Watched:
    """A watcher that has seen no flow.

    Args:
        settings: The service's.
        source: Whose flows.
        model: What is asked for.
        judged: Told of all flows that were scored.
        sealed: The model where it is loaded already; several watchers may share it.
        called: What alerts call where they came from; the source's name unless given.

    Raises:
        OddflowError: The model, a list or the feedback cannot be used.
    """
    manifest, wanted = model.archive.manifest, source.wanted
    sealed = sealed or SealedModel(model.archive)
    said = FollowedFeedback(feedback_file(settings))
    held_back = said.now().calibrated(model.archive.held_back, wanted.allowed_share(manifest.flows_per_s))
    threshold = set_threshold(held_back, wanted, manifest.flows_per_s, Calibration(model.archive.sample))
    asked = settings.enrichment
    enrichment = Enrichment.of(
        [str(folder) for folder in asked.intelligence],
        str(asked.geoip) if asked.geoip else None,
        is_pseudonymised=source.pseudonymise is not None,
    )
    prepared = model.prepared
    representation = prepared.representation(sealed, source.max_flows)
    watcher = Watcher(
        sealed,
        representation,
        threshold=threshold.score,
        promised=threshold.expected_false,
        patience_s=prepared.settings.longest_wait_s if source.kind == "folder" else source.patience_s,
        source=called or source.name,
        privacy=prepared.privacy,
        enrichment=enrichment,
        feedback=said,
        collective=Collective.of(sealed, wanted, GroupSettings(source.max_groups)),
        judged=judged,
    )
    return Watched(watcher, model, threshold, sealed.fingerprint, list(enrichment.remarks()), representation.has_arp)


def feedback_file(settings: Settings) -> Path:
    """Where the keeper writes what people say of alerts, and judges read it."""
    return settings.service.state / "feedback.jsonl"
