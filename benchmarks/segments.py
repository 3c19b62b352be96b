"""Marks attacks within flows and traffic matrices: prints tables of docs/detectors.

Packets: the Modbus captures of Lemay & Fernandez 2016, a label for each packet. Each capture is tested on by networks
that learnt the other two. Cells and boxes: the labelled log of IoT-23, capture 34-1; learnt on the flows of its first
half in time, tested on the rest. Beside them stands the isolation forest, learnt on the normal flows of the same part.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/segments.py --data ../shared/data
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from oddflow import api
from oddflow.datasets.labelling import MatrixLabels, TruthLabels
from oddflow.datasets.truth import GroundTruth
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.features.gathering import Gathered, gather
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
            known[name] = api.gather_labelled(capture, packet_labels=[labels], detector=detector)
    print(MARKED)
    for name in CAPTURES:
        others = {key: joined([one for other, one in known.items() if other != name]) for key, known in read.items()}
        tested = read["packet-segmentation"][name]
        for network, options in NETWORKS.items():
            detector = taught("packet-segmentation", others["packet-segmentation"], seed, **options)
            auc = area(detector.decision_function(tested.x), tested.y > 0)
            marked_row(name, network, detector.marks(tested.x) > LIKELY, tested.marks, auc)
        forest_row(name, others[FOREST], read[FOREST][name], seed, 4)


def halves(gathered: Gathered) -> tuple[Gathered, Gathered]:
    """The rows of the first half in time, and those of the second."""
    middle = (gathered.start_ns + gathered.end_ns) // 2
    is_first = gathered.times_ns < middle

    def taken(rows: NDArray[np.bool_]) -> Gathered:
        columns = {name: getattr(gathered, name)[rows] for name in ("x", "times_ns", "y")}
        return replace(gathered, **columns, marks=None if gathered.marks is None else gathered.marks[rows])

    return taken(is_first), taken(~is_first)


def cells(log: Path, seed: int) -> None:
    """Prints the tables of cells and of boxes."""
    settings = MatrixSettings()
    kinds: list[tuple[Any, Any]] = [
        (TrafficMatrix(settings), MatrixLabels(settings, TruthLabels(GroundTruth()))),
        (Tabular(kind=PORTABLE), TruthLabels(GroundTruth())),
    ]
    drawn, told = (
        gather([str(log)], representation, settings=MeterSettings(), ledger=Ledger(), labeller=labeller)
        for representation, labeller in kinds
    )
    (known, tested), (known_flows, tested_flows) = halves(drawn), halves(told)
    is_attack = tested.y > 0
    print(MARKED)
    for network, options in NETWORKS.items():
        detector = taught("matrix-segmentation", known, seed, **options)
        auc = area(detector.decision_function(tested.x), is_attack)
        marked_row("IoT-23 34-1", network, detector.marks(tested.x) > LIKELY, tested.marks, auc)
    forest_row("IoT-23 34-1", known_flows, tested_flows, seed, 4)
    print(BOXED)
    detector = taught("attack-localiser", known, seed)
    true = boxes_around(tested.marks[is_attack].reshape(-1, ROWS, SLOTS))
    found = detector.boxes(tested.x[is_attack])
    overlap = intersection_over_union(torch.from_numpy(found), torch.from_numpy(true)).numpy()
    auc = area(detector.decision_function(tested.x), is_attack)
    row(
        "IoT-23 34-1",
        "localiser",
        f"{len(true):,}",
        f"{overlap.mean():.2f}",
        f"{(overlap > 0.5).mean():.2f}",
        f"{auc:.3f}",
    )
    forest_row("IoT-23 34-1", known_flows, tested_flows, seed, 3)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("packets", "cells"), default=None)
    given = parser.parse_args()
    try:
        if given.only != "cells":
            packets(given.data / "modbus", given.seed)
        if given.only != "packets":
            (log,) = sorted((given.data / "iot-23").glob("*.log*"))
            cells(log, given.seed)
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
