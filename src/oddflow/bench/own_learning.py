"""Ours, as `bench train` and `bench score` run it in processes of its own; it tells what all learners tell."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from oddflow.bench.learning_rows import SIDE
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.networks.autoencoder import Autoencoder
from oddflow.networks.drawing_losses import DrawingLoss
from oddflow.networks.initialisation import Initialiser, initialise
from oddflow.networks.inputs import RowsAsImage
from oddflow.networks.lenet import LeNet5
from oddflow.training.loop import Loss, Schedule, fit_network, mean_loss
from oddflow.training.redrawing import Redrawing

STOP_ROWS = 1_000
"""So many tell which epoch was best; they are learnt from too, as others learn from all."""


def learn_rows(folder: str, asked: str) -> None:
    """The autoencoder on scaled rows."""
    told = json.loads(asked)
    train = _tensor(folder, "train")
    torch.manual_seed(told["seed"])
    drawing = Autoencoder(train.shape[1], tuple(told["hidden"]))
    # others put a ReLU behind the middle too
    network = nn.Sequential(drawing.encoder, nn.ReLU(), drawing.decoder)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for place, layer in enumerate(layers):
            layer.weight.copy_(_tensor(folder, f"weight_{place}"))
            layer.bias.zero_()
    _learn(network, Redrawing(DrawingLoss.MSE), train, _tensor(folder, "held"), told)


def learn_images(folder: str, asked: str) -> None:
    """The network of convolutions on images, as its detector learns: the class goes along as one more column."""
    told = json.loads(asked)
    torch.manual_seed(told["seed"])
    train, held = (
        torch.cat([_tensor(folder, f"{part}images"), _tensor(folder, f"{part}classes")[:, None]], dim=1)
        for part in ("", "held_")
    )
    network = nn.Sequential(RowsAsImage(SIDE, 1), LeNet5(1, told["classes"]))
    initialise(network, Initialiser.HE_UNIFORM)
    _learn(network, _entropy, train, held, told)


def score(folder: str, asked: str) -> None:
    """All rows through a sealed model, once to warm up and as often as asked."""
    told = json.loads(asked)
    model = SealedModel.load(Path(folder) / told["model"], threads=told["threads"])
    rows = _array(folder, "raw")
    model.scores(rows)
    begun = _now()
    for _ in range(told["passes"]):
        model.scores(rows)
    _tell(len(rows) * told["passes"], begun, _now())


def _learn(network: nn.Module, loss: Loss, train: Tensor, held: Tensor, told: Mapping[str, Any]) -> None:
    schedule = Schedule(
        told["epochs"],
        told["batch_rows"],
        told["learning_rate"],
        patience=told["epochs"],
        seed=told["seed"],
        threads=told["threads"],
    )
    clocks: list[tuple[float, float]] = []
    fit_network(network, loss, train, train[-STOP_ROWS:], schedule, lambda _: clocks.append(_now()))
    # in the first epoch torch imports what it learns with
    _tell(len(train) * (told["epochs"] - 1), clocks[0], clocks[-1], error=mean_loss(network, loss, held))


def _entropy(network: nn.Module, rows: Tensor) -> Tensor:
    return nn.functional.cross_entropy(network(rows[:, :-1]), rows[:, -1].long(), reduction="none")


def _array(folder: str, name: str) -> Floats:
    found: Floats = np.load(Path(folder) / f"{name}.npy")
    return found


def _tensor(folder: str, name: str) -> Tensor:
    return torch.from_numpy(_array(folder, name))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _tell(rows: int, begun: tuple[float, float], ended: tuple[float, float], **more: float) -> None:
    (seconds, processor_s) = (end - begin for begin, end in zip(begun, ended, strict=True))
    print(json.dumps({"rows": rows, "seconds": seconds, "processor_s": processor_s, **more}))  # noqa: T201
