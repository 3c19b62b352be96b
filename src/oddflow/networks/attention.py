"""Self-attention: every step looks at every other."""

import math

import torch
from torch import Tensor, nn

from oddflow.errors import UsageError
from oddflow.networks.inputs import present

FAR_BELOW = -1e9
"""Stands for −∞: a row of nothing but padding then looks at all steps alike, instead of giving no number."""


class SelfAttention(nn.Module):
    """Several heads, each with its own questions, keys and values.

    Source: Vaswani et al. 2017, "Attention Is All You Need", eq. 1 and section 3.2.2.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise UsageError(f"the width must be a multiple of the heads; {width} and {heads} given")
        self.heads = heads
        self.asked = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Steps to steps; where mask is false nobody looks: (n, t, width), (n, t) bool -> (n, t, width)."""
        rows, steps, width = x.shape
        parts: Tensor = self.asked(x).reshape(rows, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()  # (n, heads, t, width / heads) each
        likeness = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)  # (n, heads, t, t)
        weights = likeness.masked_fill(~mask[:, None, None, :], FAR_BELOW).softmax(dim=3)
        seen = (weights @ value).transpose(1, 2).reshape(rows, steps, width)
        out: Tensor = self.mixed(seen)
        return out


class EncoderLayer(nn.Module):
    """Attention, then two dense layers on each step; both add to what they were given (normalised before).

    Source: Vaswani et al. 2017, section 3.1; Xiong et al. 2020 (normalised before, which needs no warm-up).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.before_dense = nn.LayerNorm(width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Steps to steps: (n, t, width), (n, t) bool -> (n, t, width)."""
        x = x + self.dropout(self.attention(self.before_attention(x), mask))
        y: Tensor = x + self.dropout(self.dense(self.before_dense(x)))
        return y


class TransformerEncoder(nn.Module):
    """Layers of self-attention over packets; the mean over the true ones decides.

    Source: Vaswani et al. 2017, section 3; positions, section 3.5.
    """

    positions: Tensor

    def __init__(
        self,
        features: int = 2,
        outputs: int = 10,
        *,
        steps: int = 32,
        width: int = 32,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Linear(features, width)
        self.register_buffer("positions", sinusoids(steps, width), persistent=False)
        self.body = nn.ModuleList(EncoderLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences to outputs: (n, steps, features) -> (n, outputs); steps of zeros are padding."""
        mask = present(x)  # (n, steps)
        h: Tensor = self.embedding(x) + self.positions  # (n, steps, width)
        for layer in self.body:
            h = layer(h, mask)
        h = self.norm(h) * mask[:, :, None]
        mean = h.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (n, width)
        logits: Tensor = self.head(mean)
        return logits


def sinusoids(steps: int, width: int) -> Tensor:
    """Sines and cosines that tell places apart: -> (steps, width), width even (Vaswani et al. 2017, section 3.5)."""
    if width % 2:
        raise UsageError(f"the width must be even; {width} given")
    place = torch.arange(steps)[:, None]  # (steps, 1)
    angle = place * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))  # (steps, width / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
