"""Marks attacks within flows and traffic matrices: prints tables of docs/detectors.

Packets: the Modbus captures of Lemay & Fernandez 2016, a label for each packet. Each capture is tested on by networks
that learnt the other two. Cells and boxes: the labelled logs 008, 010 and 011 of the Stratosphere laboratory:
the first two to learn from, the third to test on, 1,000 flows of each part. Beside them stands the isolation forest,
learnt on the normal flows of the same part.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/segments.py --data ../shared/data
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from oddflow import baselines
from oddflow.datasets.labelling import MatrixLabels
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.features.gathering import Gathered, Labels, gather
from oddflow.features.matrix_settings import ROWS, SLOTS, MatrixSettings
from oddflow.features.portable import PORTABLE
from oddflow.features.tabular import Tabular
from oddflow.features.traffic_matrix import TrafficMatrix
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.models.boxes import boxes_around
from oddflow.models.marks import LIKELY
from oddflow.networks.localiser import intersection_over_union

NETWORKS: dict[str, dict[str, Any]] = {
    "FCN": {"network": "fcn"},
    "U-Net, transposed": {"upsampling": "transposed"},
    "U-Net, interpolated": {"upsampling": "interpolated"},
    "U-Net, unpooled": {"upsampling": "unpooled"},
}
FOREST = "isolation-forest"
LOGS = ("008", "010", "011")
"""The last is tested on."""
MOST_ROWS = 1_000
"""To learn from and to test on, evenly: a U-Net of images learns thousands in many minutes."""
WIDTHS = (8, 16, 32)
"""Of what marks cells, for the same reason."""
CAPTURES = ("characterization", "moving_two_files", "send_a_fake_command")
MARKED = """| tested on | network | parts of attacks | precision | recall | IoU | AUC of flows |
|---|---|---|---|---|---|---|"""
BOXED = """| tested on | network | boxes of attacks | mean IoU | IoU above 0.5 | AUC of flows |
|---|---|---|---|---|---|"""


def area(scores: NDArray[np.float32], is_attack: NDArray[np.bool_]) -> float:
    """How often an attack scores above a normal row; a tie counts half."""
    normal, attacks = np.sort(scores[~is_attack]), scores[is_attack]
    below = np.searchsorted(normal, attacks, "left") + np.searchsorted(normal, attacks, "right")
    return float(below.mean() / 2 / len(normal))


def row(*cells: str) -> None:
    """Prints a row of a table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def share(part: int, whole: int) -> str:
    """A share as text; a dash of nothing."""
    return f"{part / whole:.2f}" if whole else "–"


def marked_row(place: str, network: str, found: NDArray[np.bool_], true: NDArray[np.bool_], auc: float) -> None:
    """Prints how found and true marks (n, p) meet, over all rows together."""
    both, either = int((found & true).sum()), int((found | true).sum())
    cells = share(both, int(found.sum())), share(both, int(true.sum())), share(both, either)
    row(place, network, f"{int(true.sum()):,}", *cells, f"{auc:.3f}")


def taught(name: str, known: Gathered, seed: int, **options: Any) -> Any:
    """A detector that learnt rows with labels; one that learns what is normal, from normal rows alone."""
    detector = registry.create(name, known.features, seed=seed, **options)
    if not detector.supervised:
        return detector.fit(known.x[known.y == 0])
    return detector.fit(known.x, known.y, marks=known.marks)


def forest_row(place: str, known: Gathered, tested: Gathered, seed: int, dashes: int) -> None:
    """Prints what the isolation forest makes of the same flows, by their statistics."""
    scores = taught(FOREST, known, seed).decision_function(tested.x)
    row(place, f"{FOREST}, on statistics", *["–"] * dashes, f"{area(scores, tested.y > 0):.3f}")


def joined(parts: list[Gathered]) -> Gathered:
    """The rows of several captures."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "times_ns", "y")}
    marks = [part.marks for part in parts if part.marks is not None]
    return replace(parts[0], **columns, marks=np.concatenate(marks) if marks else None)


def packets(folder: Path, seed: int) -> None:
    """Prints the table of packets."""
    read: dict[str, dict[str, Gathered]] = {"packet-segmentation": {}, FOREST: {}}
    for name in CAPTURES:
        (capture,) = sorted(folder.glob(f"{name}*.pcap"))
        labels = capture.with_name(f"{capture.stem}_labeled.csv")
        for detector, known in read.items():
            known[name] = baselines.gather_labelled(capture, packet_labels=[labels], detector=detector)
    print(MARKED)
    for name in CAPTURES:
        others = {key: joined([one for other, one in known.items() if other != name]) for key, known in read.items()}
        tested = read["packet-segmentation"][name]
        for network, options in NETWORKS.items():
            detector = taught("packet-segmentation", others["packet-segmentation"], seed, **options)
            auc = area(detector.decision_function(tested.x), tested.y > 0)
            marked_row(name, network, detector.marks(tested.x) > LIKELY, tested.marks, auc)
        forest_row(name, others[FOREST], read[FOREST][name], seed, 4)


class OwnLabels:
    """Flows are attacks that their log calls malicious."""

    def begin(self) -> None:
        """Nothing: each flow has its own label."""

    def labels(self, batch: Any) -> Labels:
        """1 for attacks, (n,), and None."""
        names = batch.column("label").fill_null("").to_pylist()
        return np.array(["malicious" in name.lower() for name in names], np.int64), None


def sampled(gathered: Gathered) -> Gathered:
    """An even sample of its rows."""
    places = np.linspace(0, len(gathered.x) - 1, min(MOST_ROWS, len(gathered.x))).astype(np.int64)
    columns = {name: getattr(gathered, name)[places] for name in ("x", "times_ns", "y")}
    return replace(gathered, **columns, marks=None if gathered.marks is None else gathered.marks[places])


def parted(folder: Path, made: Callable[[], tuple[Any, Any]]) -> tuple[Gathered, Gathered]:
    """Rows of the logs to learn from, and of the one to test on."""
    found = []
    for name in LOGS:
        representation, labeller = made()
        log = str(folder / name / "conn.log.labeled.gz")
        found.append(gather([log], representation, settings=MeterSettings(), ledger=Ledger(), labeller=labeller))
    return sampled(joined(found[:-1])), sampled(found[-1])


def matrices(folder: Path) -> tuple[Gathered, Gathered]:
    """Matrices with marked cells."""
    settings = MatrixSettings()
    return parted(folder, lambda: (TrafficMatrix(settings), MatrixLabels(settings, OwnLabels())))


def statistics(folder: Path) -> tuple[Gathered, Gathered]:
    """Portable statistics of the same flows."""
    return parted(folder, lambda: (Tabular(kind=PORTABLE), OwnLabels()))


def cells(folder: Path, seed: int) -> None:
    """Prints the table of cells."""
    known, tested = matrices(folder)
    print(MARKED)
    for network, options in NETWORKS.items():
        detector = taught("matrix-segmentation", known, seed, widths=WIDTHS, **options)
        auc = area(detector.decision_function(tested.x), tested.y > 0)
        marked_row(LOGS[-1], network, detector.marks(tested.x) > LIKELY, tested.marks, auc)
    forest_row(LOGS[-1], *statistics(folder), seed, 4)


def boxes(folder: Path, seed: int) -> None:
    """Prints the table of boxes."""
    known, tested = matrices(folder)
    is_attack = tested.y > 0
    detector = taught("attack-localiser", known, seed)
    true = torch.from_numpy(boxes_around(tested.marks[is_attack].reshape(-1, ROWS, SLOTS)))
    overlap = intersection_over_union(torch.from_numpy(detector.boxes(tested.x[is_attack])), true).numpy()
    auc = area(detector.decision_function(tested.x), is_attack)
    print(BOXED)
    row(LOGS[-1], "localiser", f"{len(true):,}", f"{overlap.mean():.2f}", f"{(overlap > 0.5).mean():.2f}", f"{auc:.3f}")
    forest_row(LOGS[-1], *statistics(folder), seed, 3)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("packets", "cells", "boxes"), default=None)
    given = parser.parse_args()
    try:
        logs = given.data / "stratosphere-zeek"
        if given.only in {None, "packets"}:
            packets(given.data / "modbus", given.seed)
        if given.only in {None, "cells"}:
            cells(logs, given.seed)
        if given.only in {None, "boxes"}:
            boxes(logs, given.seed)
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
