"""The characters of names as words, in NumPy and as ONNX nodes."""

from dataclasses import dataclass

import numpy as np

from oddflow.features.tokens import OTHER, VOCABULARY
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import END, Tokens, Words, as_float


@dataclass(frozen=True, slots=True)
class Characters(Words):
    """Rows of tokens of names (`features/tokens.py`); a number that is no token is another character.

    Surprises are not averaged but added up and divided by the root of their number (Stouffer et al. 1949, "The American
    Soldier"): a long name whose characters all surprise is more than one odd character of a short one.
    """

    @property
    def vocabulary(self) -> int:
        """Tokens that there are."""
        return VOCABULARY

    def transform(self, x: Floats) -> Tokens:
        """Rows to tokens: (n, steps) -> (n, steps)."""
        is_token = (x >= 0) & (x < VOCABULARY)
        return np.where(is_token, x, np.float32(OTHER)).astype(np.int64)

    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as nodes, from the graph's x; as floats."""
        least = as_float(builder, builder.add("GreaterOrEqual", builder.x, builder.constant(0.0)))
        below = as_float(builder, builder.add("Less", builder.x, builder.constant(float(VOCABULARY))))
        cut = builder.add("Clip", builder.x, builder.constant(0.0), builder.constant(float(VOCABULARY)))
        whole = as_float(builder, builder.add("Cast", cut, to=7))
        is_token = builder.add("Mul", least, below)
        off = builder.add("Sub", whole, builder.constant(float(OTHER)))
        return builder.add("Add", builder.add("Mul", off, is_token), builder.constant(float(OTHER)))

    def surprises(self, log_chances: Floats, tokens: Tokens) -> Floats:
        """Each character's part of the surprise of a name, up to its end; 0 for a row without a name.

        (n, steps, vocabulary), (n, steps) -> (n, steps), not negative.
        """
        whole = -np.take_along_axis(log_chances, tokens[:, :, None], axis=2)[:, :, 0]
        is_name = tokens[:, :1] != END
        parts = np.maximum(whole, 0) * np.sqrt(self.shares(tokens)) * is_name
        return np.asarray(parts, np.float32)

    def write_surprises(self, builder: GraphBuilder, log_chances: str, tokens: str) -> str:
        """Adds the same as nodes; tokens as floats."""
        whole = builder.add("Relu", self.write_picked(builder, log_chances, tokens))
        first = builder.columns(tokens, np.array([0], np.int64), width=self.steps)
        is_name = as_float(builder, builder.add("Greater", first, builder.constant(0.0)))
        share = builder.add("Sqrt", self.write_shares(builder, tokens))
        return builder.add("Mul", builder.add("Mul", whole, share), is_name)
