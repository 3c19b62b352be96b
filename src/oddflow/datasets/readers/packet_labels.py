"""A label for each packet of a capture: lines of `packet number;label`.

Source: Lemay and Fernandez 2016, "Providing SCADA Network Data Sets for Intrusion Detection Research".
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.stream import plain_bytes
from oddflow.errors import InputError
from oddflow.logs.lines import blocks_of
from oddflow.losses import Ledger

MOST_PACKETS = 1 << 28


def packet_labels(path: Path, names: tuple[str, ...]) -> NDArray[np.uint8]:
    """The label of each packet, a place in `names`, (n,); packet 1 first.

    Raises:
        InputError: A line is not `number;label`, or a packet is left out; which.
    """
    ledger = Ledger("lines")
    found: list[NDArray[np.uint8]] = []
    count = 0
    with plain_bytes(str(path), ledger) as (_, stream):
        for block in blocks_of(stream, str(path), ledger):
            labels = _block(block.data, block.first_line, count, path, names)
            count += len(labels)
            if count > MOST_PACKETS:
                raise InputError(f"{path} labels more than {MOST_PACKETS:,} packets")
            found.append(labels)
    if not ledger.complete or not count:
        what = "; ".join([*ledger.reasons, *ledger.damages]) or "it holds no line"
        raise InputError(f"{path} cannot be read: {what}")
    return np.concatenate(found)


def _block(data: bytes, first_line: int, before: int, path: Path, names: tuple[str, ...]) -> NDArray[np.uint8]:
    labels = bytearray()
    for offset, line in enumerate(data.splitlines()):
        number, _, label = line.strip().partition(b";")
        expected = before + len(labels) + 1
        if number != str(expected).encode() or not label.isdigit() or len(label) > 3 or int(label) >= len(names):
            raise InputError(
                f"{path}, line {first_line + offset}: {line[:40]!r}; expected {expected};LABEL with a label from 0 to "
                f"{len(names) - 1}"
            )
        labels.append(int(label))
    return np.frombuffer(bytes(labels), np.uint8)
