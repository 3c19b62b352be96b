"""The tabular representation: a flow's own statistics and its context, as named float32 columns."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features.context import Context, ContextSettings
from oddflow.features.feature import Feature, Scale
from oddflow.features.full import BYTELESS, FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.portable import PORTABLE
from oddflow.flows.meter import Companion

KINDS = {kind.version: kind for kind in (FULL, BYTELESS, PORTABLE)}

ROLE = Feature("role", "", Scale.CATEGORY, "direction: {value}")


def kind_of(version: str) -> Kind:
    """The kind that a model was learnt on; raises SchemaMismatch where this version does not know it."""
    if version not in KINDS:
        raise SchemaMismatch(
            f"the model was learnt on features {version!r}, and this version of Oddflow knows {', '.join(KINDS)}; "
            "learn it anew"
        )
    return KINDS[version]


@dataclass(slots=True)
class Tabular:
    """Turns flows, in end order, into feature rows.

    It keeps the context between batches: use one for one stream of flows.

    Attributes:
        incomplete: Flows so far that lacked a counter which others of their source had: it was taken as 0.
    """

    homes: HomeNetworks = field(default_factory=HomeNetworks)
    context: Context = field(default_factory=Context)
    kind: Kind = FULL
    incomplete: int = 0
    _met: set[str] = field(default_factory=set)

    companion: ClassVar[Companion | None] = None
    has_arp: ClassVar[bool] = False

    @classmethod
    def of(cls, homes: HomeNetworks, settings: ContextSettings, kind: Kind = FULL) -> "Tabular":
        """A fresh representation, with an empty context."""
        return cls(homes, Context(settings), kind)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""
        own = (feature for feature, _ in self.kind.own)
        return (*own, ROLE, *self.kind.beside, *self.context.features)

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last, nor its columns."""
        self.context.reset()
        self._met.clear()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Feature rows of a flow batch: shape (n, d) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that is needed; which, and what to do.
        """
        self._met |= {name for name in self.kind.needed if batch.column(name).null_count < batch.num_rows}
        absent = [name for name in self.kind.needed if name not in self._met]
        if absent:
            raise SchemaMismatch(f"this source does not know {', '.join(absent)}, {_cure(self.kind, absent)}")
        self.incomplete += _rows_without(batch, self.kind.needed)
        own = [columns(batch) for _, columns in self.kind.own]
        beside = [self.homes.roles(batch), *self.kind.give_beside(batch)]
        x = np.stack([*own, *beside], axis=1).astype(np.float32)
        context = self.context.add(batch, *self.kind.exchanged(batch))
        return np.asarray(np.nan_to_num(np.concatenate([x, context], axis=1)))

    def remarks(self) -> list[str]:
        """What a reader of the scores must know."""
        settings = self.context.settings
        width = max(settings.windows_s)
        remarks = [f"context is warming up in the first {width:g} s: counts over that window are still low there"]
        if self.context.cut_short:
            remarks.append(
                f"{self.context.cut_short:,} flows left a context window early: it remembers "
                f"{settings.max_flows:,} flows"
            )
        if self.incomplete:
            remarks.append(
                f"{self.incomplete:,} flows lack a counter that others of their source have: it was taken as 0"
            )
        return remarks


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


def _rows_without(batch: pa.RecordBatch, names: tuple[str, ...]) -> int:
    partly = [batch.column(name) for name in names if batch.column(name).null_count and name != "payload"]
    if not partly:
        return 0
    without = partly[0].is_null()
    for column in partly[1:]:
        without = pc.or_(without, column.is_null())
    return int(pc.sum(without).as_py())
