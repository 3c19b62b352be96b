"""Measures learning: the autoencoder and the network of convolutions, beside other tools in the same run.

All are given the same rows, the same architecture, batches and epochs, and each tells its error on the same held-out
rows. Autoencoders begin with the same weights; the order of rows is each tool's own, and another in each round. Who
compiles in the first epoch is measured by the others.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.bench.figures import Figure
from oddflow.bench.ingest import Step
from oddflow.bench.learners import ALL, KERAS_LEARNS, KERAS_SEES, PYOD_LEARNS, TORCH_SEES, Learner
from oddflow.bench.learning_rows import CLASSES, COLUMNS, HELD, ROWS, learning_images, learning_rows
from oddflow.bench.machine import machine
from oddflow.bench.rounds import Rounds, cores
from oddflow.models.rows import Floats

WORSE = 1.02
"""Final errors of other seeds differ by a hundredth or two."""
HIDDEN = (64, 32)

OURS = Learner(
    "oddflow", "import sys; from oddflow.bench.own_learning import learn_rows; learn_rows(*sys.argv[1:])",
    threads=cores(),
)  # fmt: skip
PYOD = Learner("PyOD", PYOD_LEARNS, "pyod", "pyod", threads=(1, ALL))
KERAS_JAX = Learner("Keras on JAX", KERAS_LEARNS, "keras-jax", "keras", threads=(1, ALL), asked=(("backend", "jax"),))
KERAS_TENSORFLOW = Learner(
    "Keras on TensorFlow", KERAS_LEARNS, "keras-tensorflow", "keras",
    threads=(1, ALL), asked=(("backend", "tensorflow"),),
)  # fmt: skip
TARGETS = ((PYOD, 12.0), (KERAS_JAX, 1.2), (KERAS_TENSORFLOW, 2.5))

OUR_SIGHT = Learner(
    "oddflow, images", "import sys; from oddflow.bench.own_learning import learn_images; learn_images(*sys.argv[1:])",
    threads=(1,),
)  # fmt: skip
TORCH_SIGHT = Learner("plain torch, channels_last", TORCH_SEES, threads=(1,))
KERAS_SIGHT = Learner(
    "Keras on TensorFlow, images", KERAS_SEES, "keras-tensorflow", "keras", asked=(("backend", "tensorflow"),)
)


@dataclass(frozen=True, slots=True)
class TrainSizes:
    """How much is learnt.

    Attributes:
        rows, images: The most of them; a tenth of the rows is held out of learning.
        epochs, image_epochs: Passes; who compiles is measured from the second on.
        rounds: How often each learner runs.
    """

    rows: int = ROWS
    images: int = 12_800
    epochs: int = 5
    image_epochs: int = 3
    rounds: int = 3


class TrainBench:
    """All measurements of learning, as steps to be run in order; then the figures.

    Args:
        folder: An empty folder for the arrays.
        peers: The folder that other tools are installed in.
        data: The folder of all data sets, or None.
        seed: Of the rows' order and of all first weights.
    """

    def __init__(self, folder: Path, peers: Path, data: Path | None, sizes: TrainSizes, *, seed: int = 1) -> None:
        self._folder = folder
        self._data = data
        self._sizes = sizes
        self._seed = seed
        self._said = ""
        shared = {"seed": seed, "learning_rate": 1e-3}
        rows = shared | {"batch_rows": 256, "epochs": sizes.epochs, "hidden": HIDDEN}
        images = shared | {"batch_rows": 128, "epochs": sizes.image_epochs, "classes": CLASSES}
        self._rows = Rounds(peers, folder, rows, sizes.rounds)
        self._images = Rounds(peers, folder, images, sizes.rounds)

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        yield Step("making arrays", self._write)
        yield from self._rows.steps([OURS, *(peer for peer, _ in TARGETS)])
        yield from self._images.steps([OUR_SIGHT, TORCH_SIGHT, KERAS_SIGHT])

    def _write(self) -> None:
        found = learning_rows(self._data, count=self._sizes.rows, seed=self._seed)
        self._said = found.said
        held = len(found.raw) // HELD
        arrays = {"train": found.scaled[held:], "held": found.scaled[:held]}
        held = self._sizes.images // HELD
        images, classes = learning_images(self._sizes.images + held, self._seed)
        arrays |= {"images": images[held:], "classes": classes[held:]}
        arrays |= {"held_images": images[:held], "held_classes": classes[:held]}
        arrays |= {f"weight_{place}": weight for place, weight in enumerate(_first_weights(self._seed))}
        for name, array in arrays.items():
            np.save(self._folder / f"{name}.npy", array)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [*self._row_figures(), *self._image_figures()]

    def _row_figures(self) -> Iterator[Figure]:
        yield from self._rows.rate_figures(OURS, "autoencoder 122-64-32-64-122, batch 256")
        for peer, target in TARGETS:
            yield self._rows.ratio_figure(OURS, peer, f"learning against {peer.name}", target)
        for peer, _ in TARGETS:
            yield self._rows.error_figure(OURS, peer, f"squared error over that of {peer.name}", WORSE)

    def _image_figures(self) -> Iterator[Figure]:
        yield from self._images.rate_figures(OUR_SIGHT, "LeNet-5 on 28×28 bytes, batch 128")
        yield self._images.ratio_figure(OUR_SIGHT, TORCH_SIGHT, "images against plain torch, channels_last", 1.0)
        yield self._images.ratio_figure(OUR_SIGHT, KERAS_SIGHT, "images against Keras on TensorFlow", None)
        yield self._images.error_figure(OUR_SIGHT, TORCH_SIGHT, "cross entropy over that of plain torch", None)

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "train",
            "machine": machine() | self._rows.versions() | self._images.versions(),
            "input": {"rows": self._said, "images": f"{self._sizes.images:,} made from seed {self._seed}"}
            | asdict(self._sizes) | {"seed": self._seed},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
        }  # fmt: skip


def _first_weights(seed: int) -> list[Floats]:
    """What all autoencoders begin with, (out, in) each; their biases are 0.

    Source: Glorot & Bengio 2010, eq. 16; Keras's own beginning.
    """
    chance = np.random.default_rng(seed)
    widths = (COLUMNS, *HIDDEN, *HIDDEN[-2::-1], COLUMNS)
    return [
        chance.uniform(-1, 1, (wanted, given)).astype(np.float32) * np.float32((6 / (given + wanted)) ** 0.5)
        for given, wanted in pairwise(widths)
    ]
