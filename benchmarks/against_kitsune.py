"""Holds AfterImage's features, the map and the scores of KitNET against Kitsune-py's, and tells both speeds.

Kitsune-py's figures are golden files (`kitsune/*.npz` of the data folder); its rates are those that its paper gives for
another machine of two cores. Exits with 1 where a score is farther from Kitsune-py's than the bound.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/against_kitsune.py --data ../shared/data
    … benchmarks/against_kitsune.py --data ../shared/data --write

`--write` puts the tables into docs/detectors/kitnet.md, between `<!-- kitsune -->` and `<!-- /kitsune -->`.
"""

import argparse
import math
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oddflow import api
from oddflow.bench.online import OnlineBench, measure
from oddflow.bench.traffic import default_captures
from oddflow.capture.reader import packets
from oddflow.detectors._kitnet_kernels import learn
from oddflow.detectors.kitnet import KitNetDetector, correlation_distances, groups_of
from oddflow.features.incremental import FEATURES, IncrementalStatistics
from oddflow.losses import Ledger
from oddflow.models.kitnet import Autoencoder, KitNet, KitNetScorer

PAGE = Path(__file__).parents[1] / "docs" / "detectors" / "kitnet.md"
BOUND_ON_ITS_MAP, BOUND_AS_A_WHOLE = 5e-4, 5e-3
"""Relative: float32 against float64; and, as a whole, columns of a group in another order where distances are equal."""
SEED_OF_KITSUNE = 1234
MOST_COLUMNS, HIDDEN_RATIO, LEARNING_RATE = 10, 0.75, 0.1
Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Golden:
    """A capture that Kitsune-py went through.

    Attributes:
        name: Of the file of its figures.
        capture: The capture, in the data folder.
        for_map, for_learning: Packets that made the map, and those that were learnt.
    """

    name: str
    capture: str
    for_map: int
    for_learning: int


CAPTURES = (
    Golden("moving_two_files_modbus_6RTU", "modbus/moving_two_files_modbus_6RTU.pcap", 501, 1_500),
    Golden("benign-syn", "cic-ddos2019/benign-syn.pcap", 301, 700),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """How far ours are from Kitsune-py's.

    Attributes:
        packets: Packets of the capture, and those that are scored.
        scored: The same.
        features: Of all features, the share that differs by more than 10⁻⁶ of itself.
        same_map: Whether the columns form the same groups.
        on_its_map, as_a_whole: The greatest relative difference of a score: KitNET given its map; all of it ours.
    """

    name: str
    packets: int
    scored: int
    features: float
    same_map: bool
    on_its_map: float
    as_a_whole: float


def compared(golden: Golden, data: Path) -> Compared:
    """Runs ours on a capture and its features."""
    with np.load(data / "kitsune" / f"{golden.name}.npz", allow_pickle=False) as kept:
        rows, scores, sizes, places = (
            np.ascontiguousarray(kept[key]) for key in ("features", "scores", "groups", "map")
        )
    statistics = IncrementalStatistics()
    batches = packets(str(data / golden.capture), Ledger())
    found = np.concatenate([statistics.add(batch, range(batch.count)) for batch in batches])
    groups = np.split(places, np.cumsum(sizes)[:-1])
    known = golden.for_map + golden.for_learning
    ours = groups_of(correlation_distances(rows[: golden.for_map].astype(np.float32)), MOST_COLUMNS)
    whole = KitNetDetector(FEATURES, map_rows=golden.for_map, least_rows=0).fit(rows[:known])
    return Compared(
        name=golden.name,
        packets=len(rows),
        scored=len(rows) - known,
        features=float((~np.isclose(found, rows, rtol=1e-6, atol=1e-8)).mean()),
        same_map={frozenset(group) for group in ours} == {frozenset(group.tolist()) for group in groups},
        on_its_map=_farthest(_scores_on(groups, rows, golden.for_map, known), scores[known:]),
        as_a_whole=_farthest(whole.decision_function(rows[known:]), scores[known:]),
    )


def _scores_on(groups: list[NDArray[np.int64]], rows: Rows, start: int, known: int) -> NDArray[np.floating]:
    """Scores of the rows behind `known`, by a net of these groups that learnt those before."""
    fresh = KitNet(tuple(groups), tuple(_fresh(len(group)) for group in groups), _fresh(len(groups)))
    net = fresh.net()
    learn(rows[start:known], net, LEARNING_RATE)
    scorer = KitNetScorer(fresh.learnt(net))
    return scorer.score_of(scorer.contributions(rows[known:].astype(np.float32)))


def _fresh(width: int) -> Autoencoder:
    return Autoencoder.fresh(width, math.ceil(width * HIDDEN_RATIO), SEED_OF_KITSUNE)


def _farthest(ours: NDArray[np.floating], theirs: Rows) -> float:
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


def said(found: list[Compared], bench: OnlineBench) -> str:
    """Both tables as Markdown, with what they say."""
    lines = [
        "| capture | packets | scored | features that differ | groups | scores on its map | scores, all ours |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.packets:,} | {one.scored:,} | {one.features:.4%} | "
            f"{'the same' if one.same_map else 'others'} | {one.on_its_map:.1e} | {one.as_a_whole:.1e} |"
            for one in found
        ),
        "",
        "Features differ where one is farther than 10⁻⁶ of itself from Kitsune-py's: correlations of spreads that "
        "rounding alone has made. Scores: the greatest relative difference of any packet.",
        "",
        "| speed | packets/s, one core | Kitsune-py, as published, another machine | ratio |",
        "|---|---|---|---|",
    ]  # fmt: skip
    rates = {figure.what: figure.value for figure in bench.figures()}
    for what in ("learning", "scoring"):
        ours, ratio = rates[f"{what}: statistics and KitNET"], rates[f"{what}, to Kitsune-py's rate"]
        lines.append(f"| {what}, with its statistics | {ours:,.0f} | {ours / ratio:,.0f} | {ratio:,.0f} × |")
    return "\n".join(lines)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of all data sets")
    parser.add_argument("--packets", type=int, default=100_000, help="packets that rates are taken on")
    parser.add_argument("--rounds", type=int, default=3, help="how often they are taken; medians count")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args()
    found = [compared(golden, options.data) for golden in CAPTURES]
    with tempfile.TemporaryDirectory(prefix="oddflow-bench-") as folder:
        captures = default_captures(api.examples())
        bench = measure(captures, Path(folder), count=options.packets, rounds=options.rounds)
    text = said(found, bench)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        form = re.compile(r"(?<=<!-- kitsune -->\n).*?(?=\n<!-- /kitsune -->)", re.DOTALL)
        PAGE.write_text(form.sub(lambda _: text, page), encoding="utf-8")
    if any(one.on_its_map > BOUND_ON_ITS_MAP or one.as_a_whole > BOUND_AS_A_WHOLE for one in found):
        sys.exit("a score is farther from Kitsune-py's than the bound")


if __name__ == "__main__":
    main()
