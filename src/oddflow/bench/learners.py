"""Who learns and scores beside us: programs for the environments that `make peers` fills, and for our own.

Each is called with a folder of arrays and what is asked as JSON, and prints JSON: rows, seconds, processor seconds,
and what came of it. Time is of learning or scoring alone, not of starting or reading.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddflow.bench.child import run

ALL = 0
"""As many threads as a tool takes by itself."""

_BEGIN = """
import json, os, sys, time
from pathlib import Path
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
def array(name):
    return np.load(folder / f"{name}.npy")
def tell(rows, seconds, processor_s, **more):
    print(json.dumps({"rows": rows, "seconds": seconds, "processor_s": processor_s, **more}))
"""

_PYOD = """
import torch
from pyod.models.auto_encoder import AutoEncoder
if asked["threads"]:
    torch.set_num_threads(asked["threads"])
class Timed(AutoEncoder):
    def train(self, loader):
        begun, spent = time.perf_counter(), time.process_time()
        super().train(loader)
        self.seconds, self.processor_s = time.perf_counter() - begun, time.process_time() - spent
def made(kind, epochs, preprocessing):
    return kind(
        epoch_num=epochs, batch_size=asked["batch_rows"], hidden_neuron_list=asked["hidden"], batch_norm=False,
        dropout_rate=0.0, optimizer_params={}, lr=asked["learning_rate"], preprocessing=preprocessing, verbose=0,
        random_state=asked["seed"],
    )
"""

PYOD_LEARNS = f"""{_BEGIN}{_PYOD}
class Begun(Timed):
    def build_model(self):
        super().build_model()
        layers = [module for module in self.model.modules() if isinstance(module, torch.nn.Linear)]
        with torch.no_grad():
            for place, layer in enumerate(layers):
                layer.weight.copy_(torch.from_numpy(array("weight_" + str(place))))
                layer.bias.zero_()
train, held = array("train"), array("held")
learner = made(Begun, asked["epochs"], False)
learner.fit(train)
with torch.no_grad():
    drawn = learner.model(torch.from_numpy(held)).numpy()
error = float(((drawn - held) ** 2).mean())
tell(len(train) * asked["epochs"], learner.seconds, learner.processor_s, error=error)
"""

PYOD_SCORES = f"""{_BEGIN}{_PYOD}
rows = array("raw")
learner = made(Timed, 1, True)
learner.fit(rows[:5_000])
learner.decision_function(rows[:5_000])
begun, spent = time.perf_counter(), time.process_time()
learner.decision_function(rows)
tell(len(rows), time.perf_counter() - begun, time.process_time() - spent)
"""

_KERAS = """
os.environ["KERAS_BACKEND"] = asked["backend"]
if asked["threads"] == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
import keras
keras.utils.set_random_seed(asked["seed"])
class Clock(keras.callbacks.Callback):
    # the first epoch compiles
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.begun, self.spent = time.perf_counter(), time.process_time()
    def on_train_end(self, logs=None):
        self.seconds, self.processor_s = time.perf_counter() - self.begun, time.process_time() - self.spent
clock = Clock()
"""

KERAS_LEARNS = f"""{_BEGIN}{_KERAS}
train, held = array("train"), array("held")
widths = [*asked["hidden"], *asked["hidden"][-2::-1]]
layers = [keras.layers.Dense(width, activation="relu") for width in widths]
net = keras.Sequential([keras.layers.Input((train.shape[1],)), *layers, keras.layers.Dense(train.shape[1])])
for place, layer in enumerate(net.layers):
    layer.set_weights([array("weight_" + str(place)).T, np.zeros(layer.units, np.float32)])
net.compile(optimizer=keras.optimizers.Adam(asked["learning_rate"]), loss="mse")
net.fit(train, train, batch_size=asked["batch_rows"], epochs=asked["epochs"], verbose=0, callbacks=[clock])
error = float(((net.predict(held, batch_size=8192, verbose=0) - held) ** 2).mean())
tell(len(train) * (asked["epochs"] - 1), clock.seconds, clock.processor_s, error=error)
"""

KERAS_SEES = f"""{_BEGIN}{_KERAS}
images, classes = array("images").reshape(-1, 28, 28, 1), array("classes").astype(np.int64)
held, held_classes = array("held_images").reshape(-1, 28, 28, 1), array("held_classes").astype(np.int64)
layers = keras.layers
net = keras.Sequential([
    layers.Input((28, 28, 1)),
    layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
    layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu"), layers.Dense(asked["classes"]),
])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
net.compile(optimizer=keras.optimizers.Adam(asked["learning_rate"]), loss=loss)
net.fit(images, classes, batch_size=asked["batch_rows"], epochs=asked["epochs"], verbose=0, callbacks=[clock])
logits = net.predict(held, batch_size=1024, verbose=0)
error = float(loss(held_classes, logits))
tell(len(images) * (asked["epochs"] - 1), clock.seconds, clock.processor_s, error=error)
"""

TORCH_SEES = f"""{_BEGIN}
import torch
from torch import nn
if asked["threads"]:
    torch.set_num_threads(asked["threads"])
torch.manual_seed(asked["seed"])
def images(name):
    return torch.from_numpy(array(name)).view(-1, 1, 28, 28).to(memory_format=torch.channels_last)
net = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, asked["classes"]),
).to(memory_format=torch.channels_last)
rows, classes = images("images"), torch.from_numpy(array("classes")).long()
optimiser = torch.optim.Adam(net.parameters(), lr=asked["learning_rate"])
for epoch in range(asked["epochs"]):
    if epoch == 1:  # in the first, torch imports what it learns with
        begun, spent = time.perf_counter(), time.process_time()
    for batch in torch.randperm(len(rows)).split(asked["batch_rows"]):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(rows[batch]), classes[batch]).backward()
        optimiser.step()
seconds, processor_s = time.perf_counter() - begun, time.process_time() - spent
with torch.no_grad():
    held = net(images("held_images"))
error = float(nn.functional.cross_entropy(held, torch.from_numpy(array("held_classes")).long()))
tell(len(rows) * (asked["epochs"] - 1), seconds, processor_s, error=error)
"""


@dataclass(frozen=True, slots=True)
class Learner:
    """A program that learns or scores in a process of its own.

    Attributes:
        name: As people call it.
        script: What its Python runs.
        environment: Its folder below that of peers; "" for our own.
        package: Whose version is told.
        threads: Counts that it is measured with, each by itself; `ALL` alone where it cannot be told.
        asked: What it is asked beside what all are.
    """

    name: str
    script: str
    environment: str = ""
    package: str = ""
    threads: tuple[int, ...] = (ALL,)
    asked: tuple[tuple[str, Any], ...] = ()

    def python(self, peers: Path) -> Path | None:
        """The Python that it runs in, if it is there."""
        if not self.environment:
            return Path(sys.executable)
        path = peers / self.environment / "bin" / "python"
        return path.absolute() if path.is_file() else None

    def version(self, peers: Path) -> str:
        """What its environment says of its version; "" where it is absent."""
        python = self.python(peers)
        if python is None or not self.package:
            return ""
        code = f"from importlib.metadata import version; print(version({self.package!r}))"
        found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=60, check=False)
        return found.stdout.strip()

    def measure(self, peers: Path, folder: Path, threads: int, asked: Mapping[str, Any]) -> dict[str, Any] | str:
        """Runs it once; what it told, or why it failed."""
        python = self.python(peers)
        if python is None:
            return "absent; to get it: make peers"
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        # who runs us may have said something for us alone
        limits = (
            [f"{name}={threads}" for name in names] if threads else [part for name in names for part in ("-u", name)]
        )
        given = json.dumps({**asked, **dict(self.asked), "threads": threads})
        child = run(["env", *limits, str(python), "-c", self.script, str(folder), given], timeout_s=600)
        if child.code:
            said = (child.complaint.strip().splitlines() or ["it said nothing"])[-1]
            return f"ended with {child.code}: {said[:200]}"
        found: dict[str, Any] = json.loads(child.output.strip().splitlines()[-1])
        return found
