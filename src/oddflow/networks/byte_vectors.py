"""Bytes as names rather than amounts: 80 is no nearer to 81 than to 200."""

from torch import Tensor, nn

BYTES = 256


class ByteVectors(nn.Module):
    """Each byte of an image becomes a learnt vector, the same wherever it stands: a pixel becomes several channels.

    As a brightness, two ports or two kinds of message that differ by one look alike; vectors may lie anywhere.

    Source: Raff et al. 2018, "Malware Detection by Eating a Whole EXE", section 3 (vectors of eight numbers).

    Args:
        numbers: Of a vector.
    """

    def __init__(self, numbers: int = 8) -> None:
        super().__init__()
        self.vectors = nn.Embedding(BYTES, numbers)

    def forward(self, x: Tensor) -> Tensor:
        """Bytes from 0 to 1 to vectors: (n, channels, h, w) -> (n, channels · numbers, h, w)."""
        codes = (x * (BYTES - 1) + 0.5).long()  # + 0.5 and cut: rounding as an operator would not be sealed
        vectors = self.vectors(codes)  # (n, channels, h, w, numbers)
        images: Tensor = vectors.permute(0, 1, 4, 2, 3).flatten(1, 2)
        return images
