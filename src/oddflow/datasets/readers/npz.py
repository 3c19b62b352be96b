"""What Kitsune computes of a capture, packet by packet, kept in an npz file.

Source: Mirsky et al. 2018, table II; the order is that of AfterImage in Kitsune-py: 15 statistics of the sending
address, 35 of the two addresses, 15 of the gaps between them, 35 of the two sockets.
"""

import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from oddflow.datasets.readers.opening import DAMAGED
from oddflow.datasets.readers.packet_labels import packet_labels
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError, Unreadable
from oddflow.features.feature import Feature, Scale
from oddflow.files import reason_of

ARRAY = "features"
MOST_BYTES = 1 << 31
DECAYS = ("5", "3", "1", "0.1", "0.01")
ONE = ("weight", "mean", "variance")
TWO = (*ONE, "radius", "magnitude", "covariance", "correlation")
GROUPS = (
    ("sender", "bytes", "of the sender", ONE),
    ("channel", "bytes", "between the two hosts", TWO),
    ("gap", "s", "of gaps between the two hosts", ONE),
    ("socket", "bytes", "between the two sockets", TWO),
)


def _features() -> Iterator[Feature]:
    for group, unit, of, statistics in GROUPS:
        for decay in DECAYS:
            for statistic in statistics:
                name = f"{group}_{statistic}_decay_{decay.replace('.', '_')}"
                words = f"{statistic} {{value}} {of}, half of it forgotten in {1 / float(decay):.3g} s"
                # the mean alone has the unit of what is measured
                yield Feature(name, unit if statistic == "mean" else "", Scale.LINEAR, words)


FEATURES = tuple(_features())


def read(task: Task) -> Iterator[Piece]:
    """A row for each packet.

    Raises:
        Unreadable: It is no npz file, or is damaged.
        InputError: It lacks the array, or has another shape than the labels.
    """
    if task.truth is None:
        raise InputError(f"{task.name} needs a file of labels beside it")
    x = _array(task)
    labels = packet_labels(task.truth, task.section.names)
    if x.shape != (len(labels), len(FEATURES)):
        raise InputError(
            f"{task.name} holds an array of shape {x.shape}; expected {len(labels):,} rows, as {task.truth} labels, "
            f"of {len(FEATURES)}"
        )
    x[~np.isfinite(x)] = np.nan
    yield Piece(x, FEATURES, pa.array(task.section.names, pa.string()).take(pa.array(labels)))


def _array(task: Task) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    try:
        with zipfile.ZipFile(task.path) as packed:
            size = packed.getinfo(f"{ARRAY}.npy").file_size
        if size > MOST_BYTES:
            raise InputError(f"{task.name} holds {size:,} bytes; at most {MOST_BYTES:,} are read at once")
        with np.load(task.path, allow_pickle=False) as arrays, np.errstate(over="ignore"):
            return np.asarray(arrays[ARRAY], np.float32)
    except KeyError:
        raise InputError(f"{task.name} has no array called {ARRAY}; is it Kitsune's?") from None
    except (*DAMAGED, MemoryError, SyntaxError) as error:  # of the zip file, and of the array's header
        raise Unreadable(f"{task.name} cannot be read: {reason_of(error)}; is it an npz file?") from None
