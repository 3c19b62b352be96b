"""Categories as places: ports, services and flags that are alike lie near each other."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class CategoryEmbeddings(nn.Module):
    """The first columns hold codes of categories, each of which is a learnt vector; the others pass as they are.

    Code 0 stands for what was missing or never seen, and so does any code out of range.

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables"; notes 002, section 9.1.

    Args:
        sizes: Codes of each category column, 0 with them.
        widths: Columns that each becomes.
    """

    largest: Tensor

    def __init__(self, sizes: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size, width in zip(sizes, widths, strict=True))
        self.register_buffer("largest", torch.tensor(sizes) - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to rows: (n, len(sizes) + numbers) -> (n, sum(widths) + numbers)."""
        count = len(self.tables)
        codes = x[:, :count].long()
        known = torch.where((codes >= 0) & (codes <= self.largest), codes, 0)  # (n, len(sizes))
        vectors = [table(known[:, column]) for column, table in enumerate(self.tables)]
        return torch.cat([*vectors, x[:, count:]], dim=1)


class SkipGram(nn.Module):
    """Learns vectors of things from what stands beside them, such as the ports that a host talks to in turn.

    Source: Mikolov et al. 2013, "Distributed Representations of Words and Phrases", section 2.2; on ports, Ring et al.
    2017, "IP2Vec"; notes 002, section 9.1 (word2vec).
    """

    def __init__(self, vocabulary: int, width: int = 16) -> None:
        super().__init__()
        self.inner = nn.Embedding(vocabulary, width)
        self.outer = nn.Embedding(vocabulary, width)
        nn.init.zeros_(self.outer.weight)  # as word2vec does: all chances are 1/2 at first

    def forward(self, centre: Tensor, beside: Tensor) -> Tensor:
        """Log-odds that things stand beside each other: (n,), (n, k) int64 -> (n, k)."""
        products: Tensor = self.outer(beside) @ self.inner(centre)[:, :, None]  # (n, k, width) @ (n, width, 1)
        return products.squeeze(2)


def negative_sampling_loss(true: Tensor, drawn: Tensor) -> Tensor:
    """−log σ(true) − Σ log σ(−drawn): log-odds (n, k) of true neighbours, (n, m) of some drawn by chance -> (n,).

    Source: Mikolov et al. 2013, eq. 4.
    """
    return softplus(-true).sum(dim=1) + softplus(drawn).sum(dim=1)
