"""The stage that sees all flows and tells of groups: beside the model, on the road of detect and of watch."""

from typing import Self

import pyarrow as pa

from oddflow.features.versions import is_portable
from oddflow.models.format import GROUPS
from oddflow.models.kinds import version_for
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import Budget
from oddflow.verdicts.collective import _groups_kernels as kernels
from oddflow.verdicts.collective.finding import Finding
from oddflow.verdicts.collective.groups import Groups, GroupSettings, group_rows
from oddflow.verdicts.collective.measures import Measure
from oddflow.verdicts.collective.normal import SHARE, GroupNormal


class Collective:
    """Counts groups of flows, and tells of those that come over what is normal for them.

    Args:
        normal: What a baseline showed.
        false_alarms_per_s: That groups may bring, all together.
        pseudonyms: The fingerprint of the key that the baseline's addresses were under.
        portable: Whether the baseline counted only what all sources know.
        settings: How much is remembered.
    """

    def __init__(
        self,
        normal: GroupNormal,
        false_alarms_per_s: float,
        *,
        pseudonyms: str = "",
        portable: bool = False,
        settings: GroupSettings | None = None,
    ) -> None:
        self._normal = normal
        self._groups = Groups(normal.limits(false_alarms_per_s), settings)
        self.pseudonyms = pseudonyms
        self._portable = portable
        self.told = 0
        self.false_alarms_per_s = false_alarms_per_s

    @classmethod
    def of(cls, model: SealedModel, budget: Budget, settings: GroupSettings | None = None) -> Self | None:
        """The stage of a model, with a tenth of the budget; None where it knows no groups.

        Raises:
            NotAModel: Its part on groups is not sound.
        """
        part = model.parts.get(GROUPS)
        if part is None:
            return None
        flows_per_s = model.manifest.flows_per_s
        allowed_per_s = SHARE * budget.allowed_share(flows_per_s) * max(flows_per_s, 1e-9)
        manifest = model.manifest
        return cls(
            GroupNormal.of_part(part),
            allowed_per_s,
            pseudonyms=manifest.pseudonyms,
            portable=is_portable(version_for(manifest)),
            settings=settings,
        )

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last."""
        self._groups.reset()

    def found(self, flows: pa.RecordBatch) -> list[tuple[int, Finding]]:
        """The groups that flows bring over their limits, each with the place of the flow; flows come in end order."""
        told, _ = self._groups.add(group_rows(flows, portable=self._portable))
        self.told += len(told)
        found = []
        for row in told.tolist():
            measure, scale, value = Measure(row[kernels.TOLD_MEASURE]), row[kernels.TOLD_SCALE], row[kernels.TOLD_COUNT]
            as_high, windows = (0, 0) if measure is Measure.BEACON else self._normal.as_high(measure, scale, value)
            finding = Finding(
                measure, scale, value, row[kernels.TOLD_SINCE], row[kernels.TOLD_LIMIT], row[kernels.TOLD_EXTRA],
                as_high, windows,
            )  # fmt: skip
            found.append((row[kernels.TOLD_FLOW], finding))
        return found

    def remarks(self) -> list[str]:
        """What the reader must know."""
        per_day = self.false_alarms_per_s * 86_400
        alarms = "alarm" if per_day == 1 else "alarms"
        told = [f"groups have a tenth of the budget, {per_day:.2g} false {alarms} a day; {self.told:,} told"]
        if self._groups.evicted:
            told.append(
                f"{self._groups.evicted:,} groups, members or pairs were forgotten early: "
                f"{self._groups.settings.max_groups:,} groups are remembered"
            )
        return told
