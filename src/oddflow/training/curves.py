"""TensorBoard's pictures of fits."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from oddflow.training.looking import Look, as_it_was, look
from oddflow.training.loop import Epoch

EVERY = 5
"""Epochs from one set of histograms and images to the next: they cost more than a point of a curve."""
MOST_PICTURES = 8
MOST_LAYERS = 200
"""Of a network of more layers, the first ones have histograms."""


class Curves:
    """Writes what TensorBoard shows of learning; `tensorboard --logdir` reads it.

    Of each epoch a point of the losses, the learning rate, the norm of each parameter's gradient and a metric of the
    rows looked at; in every fifth epoch histograms of weights and of what layers answer, and pictures, where rows are
    such; once the network's graph and its codes for the projector.

    Each fit is a run of its own, `fit-1`, `fit-2` and so on: a new one begins with epoch 0.
    """

    def __init__(self, logdir: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open: Any = SummaryWriter
        self._logdir = Path(logdir)
        self._runs = 0
        self._writer: Any = None
        self._last: Epoch | None = None
        self._told_at = 0.0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __call__(self, epoch: Epoch) -> None:
        """Adds what is known of an epoch."""
        if epoch.number == 0 or self._writer is None:
            self._close()
            self._runs += 1
            self._writer = self._open(str(self._logdir / f"fit-{self._runs}"))
        points = {
            "loss/train": epoch.train_loss,
            "loss/validation": epoch.validation_loss,
            "learning_rate": epoch.learning_rate,
        }
        points |= {f"gradients/{name}": norm for name, norm in epoch.gradients.items()}
        if epoch.rows and epoch.number:
            points["speed/rows_per_s"] = epoch.rows / max(monotonic() - self._told_at, 1e-9)
        if epoch.network is not None:
            points |= self._look_into(epoch.network, epoch)
        for name, value in points.items():
            self._writer.add_scalar(name, value, epoch.number)
        self._last, self._told_at = epoch, monotonic()

    def _look_into(self, network: nn.Module, epoch: Epoch) -> dict[str, float]:
        """Writes what is no curve, and tells the metrics."""
        often = epoch.number % EVERY == 0
        if often:
            weights = dict(list(network.named_parameters())[:MOST_LAYERS])
            self._histograms("weights", weights, epoch.number)
        if epoch.looked_at is None or not len(epoch.looked_at):
            return {}
        seen = look(network, epoch.looked_at)
        if often:
            self._histograms("activations", dict(list(seen.activations.items())[:MOST_LAYERS]), epoch.number)
            if seen.images is not None:
                self._writer.add_image("images/given_over_drawn", side_by_side(*seen.images), epoch.number)
        if epoch.number == 0 and seen.given is not None:
            self._graph(network, seen.given)
        return metrics(seen)

    def _histograms(self, group: str, tensors: Mapping[str, Tensor], number: int) -> None:
        for name, tensor in tensors.items():
            values = tensor.detach().flatten().float()
            if len(values) and bool(values.isfinite().all()):
                self._writer.add_histogram(f"{group}/{name}", values, number)

    def _graph(self, network: nn.Module, given: Tensor) -> None:
        # tracing tells of its own parts, and fails of networks whose road depends on their rows
        with as_it_was(network), _silent(), contextlib.suppress(RuntimeError, TypeError, ValueError):
            self._writer.add_graph(network, given[:2])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes what is left."""
        self._close()

    def _close(self) -> None:
        if self._writer is None:
            return
        last = self._last
        if last is not None and last.network is not None and last.looked_at is not None and len(last.looked_at):
            self._project(look(last.network, last.looked_at), last.number)
        self._writer.close()
        self._writer = self._last = None

    def _project(self, seen: Look, number: int) -> None:
        """The codes of the rows looked at, by the weights that the fit ended with."""
        codes = seen.codes
        if codes is None or not bool(codes.isfinite().all()):
            return
        kinds = None if seen.kinds is None else [str(int(kind)) for kind in seen.kinds]
        pictures = None if seen.images is None else few_channels(seen.images[0])
        with _silent():
            self._writer.add_embedding(codes, kinds, pictures, number, seen.code)


def metrics(seen: Look) -> dict[str, float]:
    """How good the answers to the rows looked at are: the accuracy of kinds, or the share of variance that is drawn."""
    if seen.drawn is None or seen.given is None:
        return {}
    if seen.kinds is not None and seen.drawn.ndim == 2:
        told = seen.drawn.argmax(dim=1) == seen.kinds  # (n,)
        shares = [told[seen.kinds == kind].float().mean() for kind in seen.kinds.unique()]  # type: ignore[no-untyped-call]
        return {
            "metrics/accuracy": float(told.float().mean()),
            "metrics/balanced_accuracy": float(torch.stack(shares).mean()),
        }
    if seen.drawn.shape != seen.given.shape or len(seen.given) < 2:
        return {}
    left = (seen.drawn - seen.given).square().mean()
    spread = (seen.given - seen.given.mean(dim=0)).square().mean()
    return {"metrics/variance_drawn": 1 - float(left / spread.clamp(min=1e-12))}


def side_by_side(given: Tensor, drawn: Tensor) -> Tensor:
    """Pictures in one row and what was drawn in the one below: (n, c, h, w) twice -> (1 or 3, 2 h, 8 w)."""
    rows = [torch.cat(list(few_channels(one[:MOST_PICTURES])), dim=2) for one in (given, drawn)]
    return torch.cat(rows, dim=1)


def few_channels(pictures: Tensor) -> Tensor:
    """As colours, or grey: (n, c, h, w) -> (n, 1 or 3, h, w)."""
    return pictures if pictures.shape[1] in {1, 3} else pictures.mean(dim=1, keepdim=True)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
