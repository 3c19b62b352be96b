"""Some columns of a row: what a detector looks at where it was told to look at no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.rows import Floats

if TYPE_CHECKING:
    import onnx

    from oddflow.detectors.base import Detector

ONLY = "only"
"""The option of every detector of statistics that names the columns; see `oddflow tune --features genetic`."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a row's d columns are looked at; a sealed model takes whole rows all the same.

    Attributes:
        features: All columns, d of them.
        places: Of those that are looked at, ascending, (k,) int64.
    """

    features: tuple[Feature, ...]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, features: Sequence[Feature], names: Sequence[str], kind: "type[Detector]") -> Self:
        """By names, in any order.

        Raises:
            UsageError: There is no such column, none is named, or the detector needs all of them.
        """
        known = [feature.name for feature in features]
        unknown = [name for name in names if name not in known]
        if unknown or not names or isinstance(names, str):
            raise UsageError(f"{ONLY} must name columns, like {','.join(known[:3])}; {unknown or names!r} given")
        if kind.reads is not Reads.TABULAR:
            raise UsageError(f"{kind.name} reads {kind.reads}s as wholes; leave {ONLY} out")
        return cls(tuple(features), np.flatnonzero(np.isin(known, list(names))).astype(np.int64))

    @property
    def taken(self) -> tuple[Feature, ...]:
        """The k columns that are looked at."""
        return tuple(self.features[place] for place in self.places)

    def of_rows(self, rows: Floats) -> Floats:
        """Those columns: (n, d) -> (n, k)."""
        return np.ascontiguousarray(rows[:, self.places])

    def spread(self, parts: Floats) -> Floats:
        """Parts in a score back at their places, 0 elsewhere: (n, k) -> (n, d)."""
        whole = np.zeros((len(parts), len(self.features)), parts.dtype)
        whole[:, self.places] = parts
        return whole

    def graph(self, body: "onnx.ModelProto", kinds: int) -> "onnx.ModelProto":
        """A graph of whole rows around one of the columns that are looked at; it tells `kinds` kinds of rows apart."""
        # a detector that is only listed seals nothing
        from oddflow.models.graph import TREES, GraphBuilder  # noqa: PLC0415

        builder = GraphBuilder(len(self.features))
        given = builder.columns(builder.x, self.places, width=builder.width)
        score, parts, *classes = builder.include(body, given)
        if classes:
            builder.tell_classes(classes[0], kinds)
        back = np.zeros((len(self.places), builder.width), np.float32)
        back[np.arange(len(self.places)), self.places] = 1
        whole = builder.finish(score=score, contributions=builder.add("MatMul", parts, builder.constant(back)))
        for node in whole.graph.node:
            if node.domain == TREES and node.input[0] == given:
                self._ask_rows(node)
        return whole

    def _ask_rows(self, trees: "onnx.NodeProto") -> None:
        """Trees of a sealed model ask the rows themselves: a question of column j is one of its place."""
        trees.input[0] = "x"
        asked = next(attribute for attribute in trees.attribute if attribute.name == "nodes_featureids")
        asked.ints[:] = [int(self.places[column]) for column in asked.ints]
