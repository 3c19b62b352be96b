"""Raw bytes and packets to numbers near 1, in NumPy and as ONNX nodes.

Fixed, and learnt from nothing: neighbours stay comparable, and what is not there stays 0, as padding must.

    byte            as it is, 0 to 1
    bytes           of 1,500, the usual most of a packet; the sign is the direction
    s               log(1 + |x| / 1 ms) / log(1 + 1 s / 1 ms): 0 for none, 1 for a second
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import BOUND, STEPS

PIXEL_UNIT = "byte"
MOST_PACKET_BYTES = 1_500.0


@dataclass(frozen=True, slots=True, eq=False)
class PlainScaler:
    """What d columns are multiplied by after the logarithm, if it is taken, and where they end.

    Attributes:
        is_log: (d,) whether the logarithm is taken.
        steps: (d,) the smallest difference that matters, before the logarithm.
        factors, least, most: (d,).
    """

    is_log: NDArray[np.bool_]
    steps: Floats
    factors: Floats
    least: Floats
    most: Floats

    @classmethod
    def of(cls, features: Sequence[Feature]) -> Self:
        """The scaling of columns with these units."""
        is_log = np.array([feature.scale is Scale.LOG for feature in features])
        steps = np.array([STEPS.get(feature.unit, 1.0) for feature in features], np.float32)
        is_pixel = np.array([feature.unit == PIXEL_UNIT for feature in features])
        linear = np.where(is_pixel, 1, 1 / MOST_PACKET_BYTES)
        return cls(
            is_log=is_log,
            steps=steps,
            factors=np.where(is_log, 1 / np.log(1 + 1 / steps.astype(np.float64)), linear).astype(np.float32),
            least=np.where(is_pixel, 0, -BOUND).astype(np.float32),
            most=np.where(is_pixel, 1, BOUND).astype(np.float32),
        )

    def transform(self, x: Floats) -> Floats:
        """Scales rows: (n, d) -> (n, d)."""
        if self.is_log.any():
            with np.errstate(over="ignore"):  # what overflows is cut
                logarithm = np.sign(x) * np.log(np.float32(1) + np.abs(x) / self.steps)
            x = np.where(self.is_log, logarithm, x)
        return np.asarray(np.clip(x * self.factors, self.least, self.most), np.float32)

    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as nodes, from the graph's x."""
        x = builder.x
        if self.is_log.any():
            steps = builder.add("Div", builder.add("Abs", x), builder.constant(self.steps))
            logarithm = builder.add("Log", builder.add("Add", steps, builder.constant(1.0)))
            logarithm = builder.add("Mul", builder.add("Sign", x), logarithm)
            x = builder.add("Where", builder.constant(self.is_log), logarithm, x)
        scaled = builder.add("Mul", x, builder.constant(self.factors))
        return builder.add("Min", builder.add("Max", scaled, builder.constant(self.least)), builder.constant(self.most))
