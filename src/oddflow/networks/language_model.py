"""Packets as words: what comes next?"""

from typing import cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from oddflow.models.tokens import END
from oddflow.networks.inputs import present


class PacketTokens(nn.Module):
    """Packets as numbers of a vocabulary: size × direction × gap, each in a few steps; 0 after the last packet.

    Source: notes 003, "使用LSTM生成文本" (tokens); sizes and gaps as in Liu et al. 2019, "FS-Net", which embeds packet
    lengths as words.

    Args:
        sizes: Where a size ends and the next begins, in the unit of the first feature (bytes).
        gaps: The same of the second feature (microseconds).
    """

    size_edges: Tensor
    gap_edges: Tensor

    def __init__(
        self,
        sizes: tuple[float, ...] = (64, 128, 256, 512, 1024),
        gaps: tuple[float, ...] = (100, 1_000, 10_000, 100_000, 1_000_000),
    ) -> None:
        super().__init__()
        self.register_buffer("size_edges", torch.tensor(sizes))
        self.register_buffer("gap_edges", torch.tensor(gaps))
        self.gap_steps = len(gaps) + 1
        self.vocabulary = 1 + (len(sizes) + 1) * 2 * self.gap_steps

    def forward(self, x: Tensor) -> Tensor:
        """Packets of a signed size and a gap to tokens: (n, steps, 2) -> (n, steps) int64."""
        size = (x[:, :, :1].abs() >= self.size_edges).sum(dim=2)  # comparisons export, searches do not
        gap = (x[:, :, 1:] >= self.gap_edges).sum(dim=2)
        back = (x[:, :, 0] < 0).long()
        return torch.where(present(x), 1 + (2 * size + back) * self.gap_steps + gap, END)


class PacketLanguageModel(nn.Module):
    """An LSTM that says what each packet will be from those before it.

    Source: Mikolov et al. 2010, "Recurrent neural network based language model"; Sundermeyer et al. 2012 (LSTM); notes
    003, "使用LSTM生成文本".
    """

    def __init__(self, vocabulary: int, embedding: int = 16, hidden: int = 64, layers: int = 1) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.embedding = nn.Embedding(vocabulary + 1, embedding)  # the last one stands before the first packet
        self.memory = nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Log-odds of each token, given those before it: (n, t) int64 -> (n, t, vocabulary)."""
        begin = torch.full_like(tokens[:, :1], self.vocabulary)
        before = torch.cat([begin, tokens[:, :-1]], dim=1)  # (n, t)
        states, _ = self.memory(self.embedding(before))  # (n, t, hidden)
        logits: Tensor = self.head(states)
        return logits

    @torch.no_grad()
    def sample(self, rows: int, steps: int, temperature: float = 1.0, generator: Generator | None = None) -> Tensor:
        """Flows by chance: -> (rows, steps) int64, `END` after each one's last packet."""
        tokens = torch.full((rows, 0), END, dtype=torch.long)
        state = None
        last = torch.full((rows, 1), self.vocabulary)
        for _ in range(steps):
            states, state = self.memory(self.embedding(last), state)
            chances = tempered(self.head(states[:, 0]), temperature)  # (rows, vocabulary)
            drawn = torch.multinomial(chances, 1, generator=generator)
            last = torch.where(last == END, END, drawn)
            tokens = torch.cat([tokens, last], dim=1)
        return tokens


class PacketSurprise(nn.Module):
    """How little a flow's packets are what the model would have said: the logarithm of its perplexity.

    Source: Jelinek et al. 1977, "Perplexity: a measure of the difficulty of speech recognition tasks".
    """

    def __init__(self, tokens: PacketTokens, hidden: int = 64) -> None:
        super().__init__()
        self.tokens = tokens
        self.model = PacketLanguageModel(tokens.vocabulary, hidden=hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Packets to log-perplexity: (n, steps, 2) -> (n,)."""
        tokens = cast("Tensor", self.tokens(x))
        return log_perplexity(self.model(tokens), tokens)


def log_perplexity(logits: Tensor, tokens: Tensor) -> Tensor:
    """The mean surprise of a token, in nats: (n, t, vocabulary), (n, t) -> (n,). The first end counts, no further.

    Its exponential is the perplexity; its mean over rows is the loss to learn by.
    """
    surprise = -logits.log_softmax(dim=2).gather(2, tokens[:, :, None]).squeeze(2)  # (n, t)
    counted = functional.pad(tokens[:, :-1] != END, (1, 0), value=True)  # all up to the first end
    return (surprise * counted).sum(dim=1) / counted.sum(dim=1)


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Chances, sharper below a temperature of 1 and flatter above: (…, vocabulary) -> the same shape.

    Source: notes 003, "temperature"; Ackley, Hinton & Sejnowski 1985.
    """
    return (logits / temperature).softmax(dim=-1)
