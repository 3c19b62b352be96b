"""The tabular representation: a flow's own statistics and its context, as named float32 columns."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features.context import Context, ContextSettings
from oddflow.features.feature import Feature, Scale
from oddflow.features.full import BYTELESS, FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.portable import PORTABLE
from oddflow.features.presence import Presence
from oddflow.flows.meter import Companion

KINDS = {kind.version: kind for kind in (FULL, BYTELESS, PORTABLE)}

ROLE = Feature("role", "", Scale.CATEGORY, "direction: {value}")


class Tabular:
    """Turns flows, in end order, into feature rows.

    It keeps the context between batches: use one for one stream of flows.
    """

    companion: ClassVar[Companion | None] = None
    has_arp: ClassVar[bool] = False

    def __init__(self, homes: HomeNetworks | None = None, context: Context | None = None, kind: Kind = FULL) -> None:
        self.homes = homes or HomeNetworks()
        self.context = context or Context()
        self.kind = kind
        self._presence = Presence(kind.needed)

    @classmethod
    def of(cls, homes: HomeNetworks, settings: ContextSettings, kind: Kind = FULL) -> "Tabular":
        """A fresh representation, with an empty context."""
        return cls(homes, Context(settings), kind)

    @property
    def version(self) -> str:
        """Names it in models."""
        return self.kind.version

    @property
    def home_networks(self) -> tuple[str, ...]:
        """Which addresses are ours."""
        return self.homes.networks

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """How far back its context looks."""
        return self.context.settings.as_dict()

    @property
    def incomplete(self) -> int:
        """Flows so far that lacked a counter which others of their source had: it was taken as 0."""
        return self._presence.incomplete

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""
        own = (feature for feature, _ in self.kind.own)
        return (*own, ROLE, *self.kind.beside, *self.context.features)

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last, nor its columns."""
        self.context.reset()
        self._presence.begin()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Feature rows of a flow batch: shape (n, d) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that is needed; which, and what to do.
        """
        absent = self._presence.absent(batch)
        if absent:
            raise SchemaMismatch(f"this source does not know {', '.join(absent)}, {_cure(self.kind, absent)}")
        own = [columns(batch) for _, columns in self.kind.own]
        beside = [self.homes.roles(batch), *self.kind.give_beside(batch)]
        x = np.stack([*own, *beside], axis=1).astype(np.float32)
        context = self.context.add(batch, *self.kind.exchanged(batch))
        return np.asarray(np.nan_to_num(np.concatenate([x, context], axis=1)))

    def remarks(self) -> list[str]:
        """How far the context can be trusted."""
        width = max(self.context.settings.windows_s)
        told = [f"context is warming up in the first {width:g} s: counts over that window are still low there"]
        if self.context.cut_short:
            told.append(
                f"{self.context.cut_short:,} flows left a context window early: it remembers "
                f"{self.context.settings.max_flows:,} flows"
            )
        return told


def _cure(kind: Kind, absent: list[str]) -> str:
    if absent == ["payload"]:
        return (
            "which no CSV has, nor a table that was written with --no-payload or --pseudonymise; use a .parquet table "
            "that `oddflow flows -o` wrote, or learn a model that needs none: `oddflow learn --no-payload`"
        )
    if kind is PORTABLE:
        return "which all models need; does it count packets and bytes of both directions?"
    return (
        "which these features need. Meter the capture itself, or use a table that `oddflow flows -o x.parquet` wrote; "
        "for logs and exporters learn a model on what all sources know: `oddflow learn --portable`"
    )
