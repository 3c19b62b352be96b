"""How `oddflow learn` reads what it learns from, of whatever kind that is, with a bar that moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oddflow import baselines
from oddflow.cli import console
from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.losses import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddflow.cluster.gathering import Spread
    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read for a detector, and what was lost on the way.

    Attributes:
        detector: Its name: it decides what of flows is seen.
        settings: How flows are cut.
        privacy: What may be told of them.
        home_networks: Which addresses are ours; the private ones unless given.
        matrix: How traffic matrices are drawn; None where the detector decides.
        portable, windows, merge: See `oddflow learn --help`.
        ledger: Told of all that is lost.
    """

    detector: str
    settings: MeterSettings
    privacy: Privacy
    home_networks: Sequence[str] | None
    matrix: MatrixSettings | None
    portable: bool
    windows: bool
    merge: bool
    ledger: Ledger = field(default_factory=Ledger)

    def of_sources(self, sources: Sequence[str], what: str = "metering") -> Gathered:
        """Traffic that is believed to be normal, or of which nothing is known."""
        with console.reading(sources, what) as progress:
            return baselines.gather(
                *sources,
                settings=self.settings,
                home_networks=self.home_networks,
                ledger=self.ledger,
                progress=progress,
                merge=self.merge,
                portable=self.portable,
                windows=self.windows,
                privacy=self.privacy,
                detector=self.detector,
                matrix=self.matrix,
            )

    def over_cluster(self, sources: Sequence[str]) -> "Spread":
        """The same, read by the cluster that was joined; rows stay there."""
        from oddflow.cluster.gathering import gather
        from oddflow.logs.source import arrange

        view = baselines.view_of(
            self.detector,
            settings=self.settings,
            home_networks=self.home_networks,
            portable=self.portable,
            windows=self.windows,
            privacy=self.privacy,
            matrix=self.matrix,
        )
        with console.reading(sources, "metering on the cluster") as progress:
            arranged = arrange(baselines.names_of(sources), self.ledger, merge=self.merge)
            return gather(arranged, view, ledger=self.ledger, progress=progress)

    def of_labelled(self, sources: Sequence[str], truth: str | None, packet_labels: Sequence[str]) -> Gathered:
        """Traffic whose attacks are known.

        Raises:
            UsageError: Flows are to be cut otherwise than labels speak of them.
        """
        self._check_plain(MeterSettings(payload=self.settings.payload))
        with console.moving(None, f"reading {', '.join(sources)}"):
            return baselines.gather_labelled(
                *sources,
                truth=truth,
                packet_labels=packet_labels,
                portable=self.portable,
                ledger=self.ledger,
                detector=self.detector,
                matrix=self.matrix,
                payload=self.settings.payload,
            )

    def of_data_set(
        self,
        name: str,
        data: str | None,
        split: str,
        *,
        seed: int,
        leaks: "Callable[[Sequence[Finding], Split], None] | None",
    ) -> Gathered:
        """Rows of a data set; attacks among them for a detector that learns from such."""
        wanted = registry.sealable(self.detector)
        return baselines.gather_dataset(
            name,
            data,
            split=split,
            seed=seed,
            ledger=self.ledger,
            leaks=leaks,
            attacks=wanted.supervised,
            reads=wanted.reads,
        )

    def check_data_set(self, labels: object) -> None:
        """Raises UsageError for what does not go with a data set: labels of other flows, or how those are cut."""
        self._check_plain(MeterSettings(payload=Payload.SESSION))
        if self.portable or labels:
            raise UsageError(
                "a --dataset has features and labels of its own; leave out --portable, --matrix and labels"
            )

    def _check_plain(self, usual: MeterSettings) -> None:
        is_told = self.settings != usual or self.privacy != OPEN
        if self.merge or self.windows or self.home_networks or is_told:
            raise UsageError(baselines.LABELS_ALONE)
