"""A language model over packets as a detector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import LIMITS, state_of
from oddflow.detectors.perplexity import PerplexityDetector
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import Tokens
from oddflow.networks.language_model import PacketLanguageModel, log_perplexity
from oddflow.training.loop import EpochTold, History, Schedule, fit_network


@registered
@final
class PacketLanguageModelDetector(PerplexityDetector):
    """An LSTM that foretells each packet from all before it; a flow is odd where it is surprised.

    Source: Mikolov et al. 2010, "Recurrent neural network based language model"; Radford, Richardson & Davis 2018,
    "Sequence Aggregation Rules for Anomaly Detection in Computer Network Traffic" (flows as sentences).

    Args:
        features: As many lengths as gaps: the columns of a sequence.
        embedding: Numbers that stand for a word.
        hidden: Units of the LSTM.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights and the order of rows.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "packet-language-model"
    summary: ClassVar[str] = "an LSTM that foretells each packet by size, direction and gap"
    good_at: ClassVar[str] = "protocols in a wrong order; what only shows over many packets; encrypted traffic"
    bad_at: ClassVar[str] = "learning time; floods and scans of usual packets"
    paper: ClassVar[str] = "Mikolov et al. 2010; Radford et al. 2018"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.SEQUENCE
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**LIMITS, "embedding": (1, 512), "hidden": (1, 512)}

    network_: PacketLanguageModel
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        embedding: int = 16,
        hidden: int = 48,
        epochs: int = 30,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        patience: int = 6,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.embedding = embedding
        self.hidden = hidden
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def _learn(self, tokens: Tokens, validation: Tokens) -> None:
        schedule = Schedule(self.epochs, self.batch_rows, self.learning_rate, self.patience, self.seed)

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            return log_perplexity(network(rows), rows)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = PacketLanguageModel(self.tokeniser_.vocabulary, self.embedding, self.hidden)
            rows, held = torch.from_numpy(tokens), torch.from_numpy(validation)
            self.history_ = fit_network(self.network_, loss, rows, held, schedule, self.told)

    @torch.no_grad()
    def _log_chances(self, tokens: Tokens) -> Floats:
        self.network_.eval()
        return np.asarray(self.network_(torch.from_numpy(tokens)).log_softmax(dim=2))

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)

    def _write_log_chances(self, builder: GraphBuilder, before: str) -> str:
        state = self.weights()
        words = builder.add("Gather", builder.constant(state["embedding.weight"]), before, axis=0)  # (n, steps, e)
        onward = builder.add("Transpose", words, perm=[1, 0, 2])  # (steps, n, e)
        weights = [_gates(state[f"memory.weight_{which}_l0"])[None] for which in ("ih", "hh")]
        bias = np.concatenate([_gates(state[f"memory.bias_{which}_l0"]) for which in ("ih", "hh")])[None]
        held = (builder.constant(np.ascontiguousarray(one)) for one in (*weights, bias))
        states = builder.add("LSTM", onward, *held, hidden_size=self.hidden)  # (steps, 1, n, hidden)
        states = builder.add("Squeeze", states, builder.constant(np.array([1], np.int64)))
        states = builder.add("Transpose", states, perm=[1, 0, 2])  # (n, steps, hidden)
        logits = builder.add("MatMul", states, builder.constant(state["head.weight"].T))
        return builder.add("LogSoftmax", builder.add("Add", logits, builder.constant(state["head.bias"])), axis=2)


def _gates(stacked: Floats) -> Floats:
    """torch stacks the gates in, forget, cell, out; ONNX in, out, forget, cell: (4 · hidden, …) -> the same shape."""
    into, forget, cell, out = np.split(stacked, 4)
    return np.concatenate([into, out, forget, cell])
