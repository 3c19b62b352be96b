"""The search for the noise of a row, unrolled: its descents are layers like others, and need no gradients to run."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from oddflow.networks.encoder_gan import residual

DECAY, SECOND_DECAY = 0.9, 0.99
STEADY = 1e-3
"""Added to the deviation of slopes, so that a slope near 0 makes a step near 0."""


class Inversion(nn.Module):
    """Descends to the noise of which the generator makes a row, as nearly as it can; tells how near that is.

    It begins at the mean of fixed samples of noise, each weighted by how near what is made of it lies to the row. Then
    come steps of Adam down what `EncoderGan` calls the distance. Slopes are written out layer by layer.

    Source: Schlegl et al. 2017, "Unsupervised Anomaly Detection with GANs" (AnoGAN), eq. 2 to 5, with squares for
    absolute values; Kingma & Ba 2015, algorithm 1.

    Args:
        generator: Layers of the generator: (n, latent) -> (n, …).
        seen: Layers of the discriminator, but for the last: (n, …) -> (n, …).
        candidates: Noise to begin with, (k, latent).
        steps: How many.
        rate: Length of the first step, in deviations of the noise; the last is a tenth of it.
        weight: Of the features' difference.

    Raises:
        TypeError: A layer's slope is not known here.
    """

    candidates: Tensor
    made: Tensor
    lengths: Tensor

    def __init__(
        self,
        generator: Sequence[nn.Module],
        seen: Sequence[nn.Module],
        candidates: Tensor,
        *,
        steps: int = 20,
        rate: float = 0.2,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        unknown = [type(layer).__name__ for layer in (*generator, *seen) if not isinstance(layer, KNOWN)]
        if unknown:
            raise TypeError(f"no slope is known of {', '.join(sorted(set(unknown)))}")
        self.generator = nn.ModuleList(generator)
        self.seen = nn.ModuleList(seen)
        self.steps, self.rate, self.weight = steps, rate, weight
        self.register_buffer("candidates", candidates)  # (k, latent)
        with torch.no_grad():
            made = passed(self.generator.eval(), candidates)[-1].flatten(1)
        self.register_buffer("made", made.t().contiguous())  # (width, k)
        self.register_buffer("lengths", made.square().sum(dim=1))  # (k,)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is made of the noise that was found, and its distance: (n, …) -> (n, …), (n,)."""
        z = self._first(x)
        first = second = 0 * z  # no shape is asked for: a sealed graph has no operator that tells one
        wanted = passed(self.seen, x)[-1]
        for step in range(self.steps):
            slope = self._slope(x, wanted, z)
            first = DECAY * first + (1 - DECAY) * slope
            second = SECOND_DECAY * second + (1 - SECOND_DECAY) * slope.square()
            steady = (second / (1 - SECOND_DECAY ** (step + 1))).sqrt() + STEADY
            rate = self.rate * 0.1 ** (step / self.steps)
            z = z - rate / (1 - DECAY ** (step + 1)) * first / steady
        drawn = passed(self.generator, z)[-1]
        again = passed(self.seen, drawn)[-1]
        return drawn, residual(x, drawn) + self.weight * residual(wanted, again)

    def _first(self, x: Tensor) -> Tensor:
        """(n, …) -> (n, latent)."""
        rows = x.flatten(1)
        # squared distances, but for the row's own length, which is the same for all
        near = 2 * rows @ self.made - self.lengths  # (n, k)
        weights: Tensor = (near / rows.shape[1] ** 0.5).softmax(dim=1)  # (n, k)
        return weights @ self.candidates

    def _slope(self, x: Tensor, wanted: Tensor, z: Tensor) -> Tensor:
        """Of the distance in z: (n, …), (n, …), (n, latent) -> (n, latent)."""
        made = passed(self.generator, z)
        drawn = made[-1]
        seen = passed(self.seen, drawn)
        of_seen = 2 * self.weight / seen[-1].shape[1:].numel() * (seen[-1] - wanted)
        of_drawn = 2 / drawn.shape[1:].numel() * (drawn - x) + pulled_back(self.seen, seen, of_seen)
        return pulled_back(self.generator, made, of_drawn)


def passed(layers: Sequence[nn.Module] | nn.ModuleList, x: Tensor) -> list[Tensor]:
    """What each layer is given, and what the last one makes of it."""
    values = [x]
    for layer in layers:
        values.append(layer(values[-1]))
    return values


def pulled_back(layers: Sequence[nn.Module] | nn.ModuleList, values: Sequence[Tensor], slope: Tensor) -> Tensor:
    """The slope in what the first layer was given, from the one in what the last one made (the chain rule).

    Layers are as when they are used, not as when they learn: batch normalisation is a scale and a shift.

    Source: notes 001, section 6 (back-propagation as derived).
    """
    for layer, given, made in reversed(list(zip(layers, values[:-1], values[1:], strict=True))):
        slope = _pulled(layer, given, made, slope)
    return slope


def _pulled(layer: nn.Module, given: Tensor, made: Tensor, slope: Tensor) -> Tensor:
    match layer:
        case nn.Linear():
            return slope @ layer.weight
        case nn.ConvTranspose2d():
            return functional.conv2d(slope, layer.weight, None, layer.stride, layer.padding)
        case nn.Conv2d():
            lost = (given.shape[2] + 2 * int(layer.padding[0]) - layer.kernel_size[0]) % layer.stride[0]
            return functional.conv_transpose2d(slope, layer.weight, None, layer.stride, layer.padding, lost)  # type: ignore[arg-type]
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            assert layer.running_var is not None  # noqa: S101  (it is, unless it was told to keep none)
            scale = layer.weight / (layer.running_var + layer.eps).sqrt()  # (channels,)
            return slope * scale.reshape(1, -1, *[1] * (given.ndim - 2))
        case nn.LeakyReLU():
            return torch.where(given > 0, slope, layer.negative_slope * slope)
        case nn.Tanh():
            return slope * (1 - made.square())
        case nn.Unflatten() | nn.Flatten():
            return slope.reshape(slope.shape[0], *given.shape[1:])
    return slope


KNOWN = (
    nn.Linear, nn.ConvTranspose2d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LeakyReLU, nn.Tanh, nn.Unflatten,
    nn.Flatten, nn.Dropout, nn.Identity,
)  # fmt: skip
"""Layers whose slope is known; the last two pass it on."""
