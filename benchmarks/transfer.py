"""Learning with few labels, with wrong ones, and from another network: prints the tables of docs/transfer.md.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/transfer.py labels --data ../shared/data
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/transfer.py noise --data ../shared/data
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/transfer.py networks --data ../shared/data
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/transfer.py test masked --data ../shared/data

`labels` and `noise` learn `--most` rows of NSL-KDD's KDDTrain+ and tell the kinds of as many others: nothing of
KDDTest+ is read into them. `labels` keeps a share of the labels of each kind; `noise` gives a share of the rows the
label of a row of another kind. `networks` learns one capture of Stratosphere, goes on with a few labels of the first
half of another, and is judged on the second half. `test` learns with 1 % of the labels, alone and in the ways that are
named, and opens KDDTest+ once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from oddflow.datasets import load
from oddflow.datasets.rows import LabelledRows
from oddflow.datasets.splits import official
from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import OddflowError
from oddflow.evaluation.measures import roc_area
from oddflow.training.beginning import ALL, Beginning
from oddflow.training.run import Run, running

SHARES = (0.002, 0.01, 0.05)
FEW = {"batch_rows": 128, "learning_rate": 5e-3, "epochs": 300, "patience": 30}
MANY = FEW | {"epochs": 15, "patience": 15}
BESIDE = {
    "labels alone": (FEW, False),
    "masked": (FEW | {"use": "masked", "pretraining": 10}, True),
    "pseudo-labels": (MANY | {"use": "pseudo-labels"}, True),
    "consistency": (MANY | {"use": "consistency"}, True),
}
"""By name: options, and whether rows without labels are shown. Their epochs are longer."""
FLIPPED = (0.0, 0.1, 0.2, 0.4)
LOSSES = {
    "cross-entropy": {},
    "generalised": {"loss": "generalised", "doubt": 0.7},
    "bootstrap": {"loss": "bootstrap", "doubt": 0.2},
    "smoothing": {"smoothing": 0.1},
}
LABELS = (20, 100)
BEGUN = {
    "from scratch": None,
    "fine-tuned": (0, 1.0),
    "lower rate": (0, 0.1),
    "first layer frozen": (1, 1.0),
    "feature extractor": (ALL, 1.0),
}
"""By name: layers that stand still, and the rate of the others."""


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("labels", "noise", "networks", "test"))
    parser.add_argument("ways", nargs="*", help="of `labels`, or of `test` beside labels alone")
    parser.add_argument("--data", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=15_000, help="rows of KDDTrain+ to learn from, and to judge by")
    given = parser.parse_args()
    try:
        if given.what == "networks":
            networks(given.data, range(given.seeds))
            return
        rows = load("nsl-kdd", given.data)
        split = official(rows)
        dealt = np.random.default_rng(0).permutation(split.train)
        learnt, judged = dealt[: given.most], dealt[given.most : 2 * given.most]
        if given.what == "noise":
            noise(rows, learnt, judged, range(given.seeds))
        elif given.what == "labels":
            labels(rows, learnt, judged, range(given.seeds), given.ways or tuple(BESIDE), SHARES)
        else:
            labels(rows, learnt, split.test, range(given.seeds), ("labels alone", *given.ways), (0.01,))
    except OddflowError as error:
        sys.exit(str(error))


def labels(
    rows: LabelledRows,
    learnt: NDArray[np.int64],
    judged: NDArray[np.int64],
    seeds: range,
    ways: Sequence[str],
    shares: Sequence[float],
) -> None:
    """Few labels: macro F1 and balanced accuracy by way and share of labels."""
    heads = [f"{share:.1%} of labels: macro F1 | balanced accuracy" for share in shares]
    print(f"| way | {' | '.join(heads)} |\n{'|---' * (1 + 2 * len(shares))}|", flush=True)
    for way in ways:
        options, sees = BESIDE[way]
        cells = []
        for share in shares:
            figures = []
            for seed in seeds:
                kept = few(rows.kinds[learnt], share, seed)
                made = registry.create("feed-forward-network", rows.features, seed=seed, **options)
                others = rows.filled()[learnt[~kept]] if sees else None
                made.fit(rows.filled()[learnt[kept]], rows.kinds[learnt[kept]], unlabelled=others)
                figures.append(told_apart(made, rows, judged))
            cells += shown(figures)
        print(f"| {way} | {' | '.join(cells)} |", flush=True)


def noise(rows: LabelledRows, learnt: NDArray[np.int64], judged: NDArray[np.int64], seeds: range) -> None:
    """Wrong labels: macro F1 and balanced accuracy by loss and share of labels that are wrong."""
    heads = [f"{share:.0%} wrong: macro F1 | balanced accuracy" for share in FLIPPED]
    print(f"| loss | {' | '.join(heads)} |\n{'|---' * (1 + 2 * len(FLIPPED))}|", flush=True)
    for name, options in LOSSES.items():
        cells = []
        for share in FLIPPED:
            figures = []
            for seed in seeds:
                made = registry.create(
                    "feed-forward-network", rows.features, seed=seed, **MANY, weighting="none", **options
                )
                made.fit(rows.filled()[learnt], flipped(rows.kinds[learnt], share, seed))
                figures.append(told_apart(made, rows, judged))
            cells += shown(figures)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def networks(data: str | None, seeds: range) -> None:
    """From one capture to another: ROC AUC by way, pair of captures and number of labels."""
    rows = load("stratosphere-zeek", data)
    names = [capture.name if hasattr(capture, "name") else str(capture) for capture in rows.captures]
    parts = [np.flatnonzero(rows.capture == number) for number in range(len(names))]
    pairs = list(permutations(range(len(names)), 2))
    heads = [f"{names[a]} to {names[b]}" for a, b in pairs]
    print(f"| way | labels | {' | '.join(heads)} | mean |\n{'|---' * (3 + len(pairs))}|", flush=True)
    x, y = rows.filled(), np.minimum(rows.kinds, 1)

    def fitted(places: NDArray[np.int64], seed: int, begun: Beginning | None, **options: Any) -> Detector:
        made = registry.create("feed-forward-network", rows.features, seed=seed, categories="hashing", **options)
        with running(Run(), beginning=begun):
            return made.fit(x[places], y[places])

    def area(made: Detector, places: NDArray[np.int64]) -> float:
        return roc_area(made.decision_function(x[places]), y[places] > 0)

    origins = {(a, seed): fitted(parts[a], seed, None, **MANY) for a in range(len(names)) for seed in seeds}
    known = {
        key: {name: torch.tensor(value) for name, value in made.weights().items()} for key, made in origins.items()
    }

    def row(way: str, count: str, measure: Callable[[int, int, int], float]) -> None:
        areas = np.array([[measure(a, b, seed) for seed in seeds] for a, b in pairs])
        cells = [f"{one.mean():.3f} ± {one.std(ddof=min(1, len(one) - 1)):.3f}" for one in [*areas, areas.mean(axis=0)]]
        print(f"| {way} | {count} | {' | '.join(cells)} |", flush=True)

    row("the other network's model as it is", "0", lambda a, b, seed: area(origins[a, seed], later(parts[b])))
    for count in LABELS:
        for way, how in BEGUN.items():

            def measure(a: int, b: int, seed: int, how: tuple[int, float] | None = how, count: int = count) -> float:
                begun = Beginning(known[a, seed], *how, source="the other") if how else None
                return area(fitted(some(parts[b], y, count, seed), seed, begun, **FEW), later(parts[b]))

            row(way, str(count), measure)


def some(places: NDArray[np.int64], y: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Rows of a capture's first half, half of them attacks where there are so many."""
    first = np.random.default_rng([seed, 5]).permutation(places[: len(places) // 2])
    return np.sort(np.concatenate([first[y[first] == kind][: count // 2] for kind in (0, 1)]))


def later(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """A capture's second half."""
    return places[len(places) // 2 :]


def few(kinds: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which rows keep their label: of each kind such a share, two at least."""
    chance, kept = np.random.default_rng([seed, 7]), np.zeros(len(kinds), bool)
    for kind in np.unique(kinds):
        places = np.flatnonzero(kinds == kind)
        kept[chance.permutation(places)[: max(2, round(share * len(places)))]] = True
    return kept


def flipped(kinds: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Labels of which a share are another kind's, drawn as often as it comes."""
    chance = np.random.default_rng([seed, 8])
    wrong = np.flatnonzero(chance.random(len(kinds)) < share)
    given = kinds.copy()
    while (same := wrong[given[wrong] == kinds[wrong]]).size:
        given[same] = chance.choice(kinds, len(same))
    return given


def told_apart(made: Detector, rows: LabelledRows, places: NDArray[np.int64]) -> tuple[float, float]:
    """Macro F1 and the mean share of each kind that is called so, over the kinds that there are."""
    session = onnxruntime.InferenceSession(made.graph().SerializeToString(), providers=["CPUExecutionProvider"])
    (likely,) = session.run(["classes"], {"x": rows.filled()[places]})
    called, true = np.array(made.kinds())[likely.argmax(axis=1)], rows.kinds[places]
    found = {kind: (called[true == kind] == kind).mean() for kind in np.unique(true)}
    right = {kind: (true[called == kind] == kind).mean() if (called == kind).any() else 0.0 for kind in found}
    scores = [2 * found[kind] * right[kind] / max(1e-12, found[kind] + right[kind]) for kind in found]
    return float(np.mean(scores)), float(np.mean(list(found.values())))


def shown(figures: Sequence[tuple[float, float]]) -> list[str]:
    """Mean and deviation over seeds, a cell for each figure."""
    return [f"{one.mean():.1%} ± {one.std(ddof=min(1, len(one) - 1)):.1%}" for one in np.array(figures).T]


if __name__ == "__main__":
    main()
