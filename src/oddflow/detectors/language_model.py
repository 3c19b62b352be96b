"""What detectors share whose LSTM foretells each word from all before it."""

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.detectors.drawing import schedule_of, state_of
from oddflow.detectors.perplexity import PerplexityDetector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tokens import Tokens
from oddflow.networks.language_model import PacketLanguageModel, log_perplexity
from oddflow.training.loop import EpochTold, History, fit_network


class LanguageModelDetector(PerplexityDetector):
    """An LSTM over words.

    Subclasses are final: they implement `_words` and `_learn`, which calls `_teach`, and have these options.
    """

    embedding: int
    hidden: int
    epochs: int
    batch_rows: int
    learning_rate: float
    patience: int
    seed: int
    told: EpochTold | None

    network_: PacketLanguageModel
    history_: History

    def _teach(self, tokens: Tokens, validation: Tokens) -> None:
        schedule = schedule_of(self)

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
