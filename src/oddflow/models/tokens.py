"""Packets, or other things, as words, in NumPy and as ONNX nodes; and how little a flow's words are what was expected.

A packet's word says its size, its direction and the silence before it, each in a few steps. The surprise of a word is
−log of its chance. It has two parts: that of its size and direction, and that of its gap, given those. Both are not
negative and together they are the whole (the chain rule of probability), so that a score can name the packet and what
of it was odd.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

Tokens = NDArray[np.int64]

END = 0
"""The token after the last packet."""

SIZE_EDGES = (64.0, 128.0, 256.0, 512.0, 1024.0)
GAP_EDGES_S = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_INT64, _FLOAT = 7, 1


@dataclass(frozen=True, slots=True)
class Words(ABC):
    """Rows as words, up to an end.

    Attributes:
        steps: Words of a row at most.
    """

    steps: int

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Tokens that there are."""

    @abstractmethod
    def transform(self, x: Floats) -> Tokens:
        """Rows to tokens: (n, d) -> (n, steps)."""

    @abstractmethod
    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as nodes, from the graph's x; the name of the tokens as floats, (n, steps)."""

    @abstractmethod
    def surprises(self, log_chances: Floats, tokens: Tokens) -> Floats:
        """Each column's part of the mean surprise of a row: (n, steps, vocabulary), (n, steps) -> (n, d)."""

    @abstractmethod
    def write_surprises(self, builder: GraphBuilder, log_chances: str, tokens: str) -> str:
        """Adds the same as nodes; tokens as floats."""

    def before(self, tokens: Tokens) -> Tokens:
        """The token before each, `vocabulary` before the first: (n, steps) -> (n, steps)."""
        return np.concatenate([np.full((len(tokens), 1), self.vocabulary), tokens[:, :-1]], axis=1)

    def write_before(self, builder: GraphBuilder, tokens: str) -> str:
        """Adds the same as nodes; as whole numbers."""
        moved = np.eye(self.steps, k=1, dtype=np.float32)
        first = np.zeros(self.steps, np.float32)
        first[0] = self.vocabulary
        shifted = builder.add("Add", builder.add("MatMul", tokens, builder.constant(moved)), builder.constant(first))
        return builder.add("Cast", shifted, to=_INT64)

    def shares(self, tokens: Tokens) -> NDArray[np.float64]:
        """One over the words up to the first end, the end too; 0 behind it: (n, steps) -> (n, steps)."""
        counted = self.before(tokens) != END
        return np.asarray(counted / counted.sum(axis=1, keepdims=True))

    def write_shares(self, builder: GraphBuilder, tokens: str) -> str:
        """Adds the same as nodes; tokens as floats."""
        before = builder.add("Cast", self.write_before(builder, tokens), to=_FLOAT)
        counted = as_float(builder, builder.add("Greater", before, builder.constant(0.0)))
        total = builder.add("ReduceSum", counted, builder.constant(np.array([1], np.int64)), keepdims=1)
        return builder.add("Div", counted, total)

    def hits(self, builder: GraphBuilder, tokens: str) -> tuple[str, str]:
        """Adds nodes: which word each is, (n, steps) floats -> (n, steps, vocabulary); and the number of that axis."""
        places = builder.constant(np.arange(self.vocabulary, dtype=np.float32))
        last = builder.constant(np.array([2], np.int64))
        return as_float(builder, builder.add("Equal", builder.add("Unsqueeze", tokens, last), places)), last

    def write_picked(self, builder: GraphBuilder, log_chances: str, tokens: str) -> str:
        """Adds nodes: −log of the chance of each word, (n, steps)."""
        hit, last = self.hits(builder, tokens)
        found = builder.add("Mul", log_chances, hit)
        return builder.add("Neg", builder.add("ReduceSum", found, last, keepdims=0))


@dataclass(frozen=True, slots=True)
class Tokeniser(Words):
    """Rows of lengths, then gaps, as words.

    Source: Liu et al. 2019, "FS-Net: A Flow Sequence Network for Encrypted Traffic Classification", which takes packet
    lengths as words.

    Attributes:
        steps: Packets of a row; it has twice as many columns.
        size_edges: Where a size ends and the next begins, in bytes.
        gap_edges_s: The same of gaps.
    """

    size_edges: tuple[float, ...] = SIZE_EDGES
    gap_edges_s: tuple[float, ...] = GAP_EDGES_S

    @property
    def kinds(self) -> int:
        """Sizes in both directions, and the end."""
        return 1 + 2 * (len(self.size_edges) + 1)

    @property
    def gap_steps(self) -> int:
        """Steps of a gap."""
        return len(self.gap_edges_s) + 1

    @property
    def vocabulary(self) -> int:
        """Tokens that there are."""
        return 1 + (self.kinds - 1) * self.gap_steps

    @property
    def kind_of(self) -> Tokens:
        """The kind, 0 for the end, of each token: (vocabulary,)."""
        return np.concatenate([[0], 1 + np.arange(self.vocabulary - 1) // self.gap_steps])

    def transform(self, x: Floats) -> Tokens:
        """Rows to tokens: (n, 2 · steps) -> (n, steps)."""
        length, gap = x[:, : self.steps, None], x[:, self.steps :, None]
        size = (np.abs(length) >= np.array(self.size_edges, np.float32)).sum(axis=2)
        wait = (gap >= np.array(self.gap_edges_s, np.float32)).sum(axis=2)
        back = (length[:, :, 0] < 0).astype(np.int64)
        is_there = (np.abs(length) + np.abs(gap))[:, :, 0] > 0
        return np.where(is_there, 1 + (2 * size + back) * self.gap_steps + wait, END)

    def write(self, builder: GraphBuilder) -> str:
        """Adds the same as nodes, from the graph's x; the name of the tokens as floats, (n, steps)."""
        length = builder.columns(builder.x, np.arange(self.steps), width=2 * self.steps)
        gap = builder.columns(builder.x, np.arange(self.steps, 2 * self.steps), width=2 * self.steps)
        far = builder.add("Abs", length)
        size = self._write_steps(builder, far, self.size_edges)
        wait = self._write_steps(builder, gap, self.gap_edges_s)
        back = as_float(builder, builder.add("Less", length, builder.constant(0.0)))
        kind = builder.add("Add", builder.add("Mul", size, builder.constant(2.0)), back)
        word = builder.add("Add", builder.add("Mul", kind, builder.constant(float(self.gap_steps))), wait)
        either = builder.add("Add", far, builder.add("Abs", gap))
        is_there = as_float(builder, builder.add("Greater", either, builder.constant(0.0)))
        return builder.add("Mul", builder.add("Add", word, builder.constant(1.0)), is_there)

    def _write_steps(self, builder: GraphBuilder, values: str, edges: tuple[float, ...]) -> str:
        reached = [as_float(builder, builder.add("GreaterOrEqual", values, builder.constant(e))) for e in edges]
        total = reached[0]
        for one in reached[1:]:
            total = builder.add("Add", total, one)
        return total

    def surprises(self, log_chances: Floats, tokens: Tokens) -> Floats:
        """Parts of the mean surprise of a row's words, up to its first end.

        (n, steps, vocabulary), (n, steps) -> (n, 2 · steps), not negative: of sizes and directions, then of gaps.
        """
        whole = -np.take_along_axis(log_chances, tokens[:, :, None], axis=2)[:, :, 0]
        member = self.kind_of[:, None] == np.arange(self.kinds)
        of_kinds = np.log(np.exp(log_chances) @ member.astype(np.float32))  # (n, steps, kinds)
        kinds = -np.take_along_axis(of_kinds, self.kind_of[tokens][:, :, None], axis=2)[:, :, 0]
        kinds = np.clip(kinds, 0, whole)
        share = self.shares(tokens)
        return np.concatenate([kinds * share, (whole - kinds) * share], axis=1).astype(np.float32)

    def write_surprises(self, builder: GraphBuilder, log_chances: str, tokens: str) -> str:
        """Adds the same as nodes; tokens as floats."""
        hit, last = self.hits(builder, tokens)
        whole = builder.add("Neg", builder.add("ReduceSum", builder.add("Mul", log_chances, hit), last, keepdims=0))
        member = builder.constant((self.kind_of[:, None] == np.arange(self.kinds)).astype(np.float32))
        of_kinds = builder.add("Log", builder.add("MatMul", builder.add("Exp", log_chances), member))
        hit_kind = builder.add("MatMul", hit, member)
        picked = builder.add("ReduceSum", builder.add("Mul", of_kinds, hit_kind), last, keepdims=0)
        kinds = builder.add("Min", builder.add("Max", builder.add("Neg", picked), builder.constant(0.0)), whole)
        share = self.write_shares(builder, tokens)
        rest = builder.add("Sub", whole, kinds)
        parts = (builder.add("Mul", one, share) for one in (kinds, rest))
        return builder.add("Concat", *parts, axis=1)


def as_float(builder: GraphBuilder, truth: str) -> str:
    """Adds a node: truths or whole numbers as float32."""
    return builder.add("Cast", truth, to=_FLOAT)
