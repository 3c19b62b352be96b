"""Ways to learn rare kinds of attack, side by side: prints the tables of docs/imbalance.md.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/imbalance.py classes --data ../shared/data
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/imbalance.py test focal --data ../shared/data
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/imbalance.py traffic

`classes` learns 70 % of NSL-KDD's KDDTrain+, drawn to at most 10,000 rows of each kind (`--most`), and tells the kinds
of the other 30 %: nothing of KDDTest+ is read into it. `test` learns all of those rows, as usual and in the ways that
are named, and opens KDDTest+ once. `traffic` learns the quiet day of the captures that ship, as it is and with flows as
another sensor would have seen them, and looks at the other capture as it was recorded, and as another sensor would have
seen it.
"""

import argparse
import sys
from collections.abc import Sequence
from time import process_time

import numpy as np
import onnxruntime

from oddflow.datasets import load
from oddflow.datasets.rows import CATEGORIES, LabelledRows, Split
from oddflow.datasets.splits import by_capture, official, stratified
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.evaluation.measures import roc_area
from oddflow.evaluation.rows import of_sources
from oddflow.features.representation import Reads
from oddflow.files import examples_folder
from oddflow.learning.augment import Augmentation, fit_augmented
from oddflow.learning.traffic import Strengths, changed
from oddflow.models.sealed import score_graph

NETWORK = {"epochs": 20, "batch_rows": 512, "learning_rate": 5e-3}
WAYS = {
    "square-root": ({}, ""),
    "none": ({"weighting": "none"}, ""),
    "balanced": ({"weighting": "balanced"}, ""),
    "effective": ({"weighting": "effective"}, ""),
    "focal": ({"loss": "focal"}, ""),
    "focal-none": ({"loss": "focal", "weighting": "none"}, ""),
    "smoothing": ({"smoothing": 0.05}, ""),
    "undersample": ({"weighting": "none"}, "undersample"),
    "oversample": ({"weighting": "none"}, "oversample"),
    "smote": ({"weighting": "none"}, "smote"),
    "conditional-gan": ({"weighting": "none"}, "conditional-gan"),
    "wgan-gp": ({"weighting": "none"}, "wgan-gp"),
    "vae": ({"weighting": "none"}, "vae"),
}
"""By name: options of the network, and what makes rows."""
SHARE = 0.2
"""Of the normal rows: so many of each kind of attack are made."""
NORMAL_ONLY = ("packet-markov-chain", "recurrent-autoencoder:epochs=12")


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("classes", "test", "traffic"))
    parser.add_argument("--data", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=10_000, help="rows of each kind of KDDTrain+")
    parser.add_argument("ways", nargs="*", help="those of `classes` or `test`, or detectors; all unless given")
    given = parser.parse_args()
    try:
        if given.what == "traffic":
            traffic(given.ways or NORMAL_ONLY, range(given.seeds))
        else:
            classes(given.data, given.what == "test", given.ways, range(given.seeds), given.most)
    except OddflowError as error:
        sys.exit(str(error))


def classes(data: str | None, is_test: bool, ways: list[str], seeds: range, most: int) -> None:
    """Kinds of attack told apart, on a part of the training part or on the test part."""
    rows = load("nsl-kdd", data)
    split = official(rows)
    chance = np.random.default_rng(0)
    by_kind = [split.train[rows.kinds[split.train] == kind] for kind in np.unique(rows.kinds[split.train])]
    train = np.sort(np.concatenate([chance.permutation(places)[:most] for places in by_kind]))
    split = Split(split.name, train, split.test)
    if not is_test:
        inner = stratified(LabelledRows(rows.name, rows.x[train], rows.features, rows.labels, rows.y[train]), seed=0)
        split = Split("30 % of KDDTrain+", train[inner.train], train[inner.test])
    kinds = [kind for kind in np.unique(rows.kinds[split.test]) if kind]
    names = " | ".join(f"{CATEGORIES[kind]} found" for kind in kinds)
    print(f"| way | rows made | macro F1 | accuracy | {names} | false alarms | fit |")
    print("|---" * (6 + len(kinds)) + "|")
    for way in dict.fromkeys(["square-root", *ways]) if is_test or ways else WAYS:
        figures = [learnt(rows, split, way, seed) for seed in seeds]
        made, *shares, seconds = (np.array(column) for column in zip(*figures, strict=True))
        cells = [f"{share.mean():.1%} ± {share.std(ddof=min(1, len(share) - 1)):.1%}" for share in shares]
        print(f"| {way} | {int(made[0]):,} | {' | '.join(cells)} | {seconds.mean():.0f} s |", flush=True)


def learnt(rows: LabelledRows, split: Split, way: str, seed: int) -> list[float]:
    """Rows made, macro F1, accuracy, the share of each kind that was called so, false alarms, processor time."""
    options, maker = WAYS[way]
    x, y = rows.filled(), rows.kinds
    order = np.random.default_rng([seed, 6]).permutation(split.train)
    detector = registry.create("feed-forward-network", rows.features, seed=seed, **NETWORK, **options)
    began, made = process_time(), 0
    if maker:
        augment = Augmentation(maker, rows.features, SHARE, seed)
        made = fit_augmented(detector, x[order], y[order], augment, unseen=x[split.test]).made
    else:
        detector.fit(x[order], y[order])
    seconds = process_time() - began
    session = onnxruntime.InferenceSession(detector.graph().SerializeToString(), providers=["CPUExecutionProvider"])
    (likely,) = session.run(["classes"], {"x": x[split.test]})
    called = np.array(detector.kinds())[likely.argmax(axis=1)]
    true = y[split.test]
    found = {kind: (called[true == kind] == kind).mean() for kind in np.unique(true)}
    right = {kind: (true[called == kind] == kind).mean() if (called == kind).any() else 0.0 for kind in found}
    scores = [2 * found[kind] * right[kind] / max(1e-12, found[kind] + right[kind]) for kind in found]
    attacks = [found[kind] for kind in found if kind]
    return [made, float(np.mean(scores)), float((called == true).mean()), *attacks, float(1 - found[0]), seconds]


def traffic(names: Sequence[str], seeds: range) -> None:
    """Normal flows learnt with and without such as another sensor would have seen."""
    folder = examples_folder()
    quiet, incident = str(folder / "office-baseline.pcap.zst"), str(folder / "office-incident.pcap.zst")
    rows = of_sources([quiet, incident], str(folder / "office-incident.truth.csv"), Reads.SEQUENCE)
    split = by_capture(rows, test=[incident])
    x, is_attack = rows.filled()[split.test], rows.is_attack[split.test]
    other = changed(x, rows.features, Strengths(), np.random.default_rng(77))
    cut = round(len(split.train) * 0.75)
    known, held_back = rows.filled()[split.train[:cut]], rows.filled()[split.train[cut:]]
    print("| detector | learnt with | AUC as recorded | false alarms | AUC seen otherwise | false alarms |")
    print("|---" * 6 + "|")
    for text in names:
        name, options = registry.told(text)
        for maker in ("", "traffic"):
            figures = []
            for seed in seeds:
                detector = registry.create(name, rows.features, seed=seed, **options)
                if maker:
                    augment = Augmentation(maker, rows.features, 1.0, seed)
                    fit_augmented(detector, known, None, augment, unseen=np.concatenate([held_back, x]))
                else:
                    detector.fit(known)
                graph = detector.graph().SerializeToString()
                threshold = np.quantile(score_graph(graph, held_back)[0], 0.99)
                for flows in (x, other):
                    scores = score_graph(graph, flows)[0]
                    figures += [roc_area(scores, is_attack), (scores[~is_attack] > threshold).mean()]
            by_seed = np.array(figures).reshape(len(seeds), 4)
            mean, spread = by_seed.mean(axis=0), by_seed.std(axis=0, ddof=min(1, len(seeds) - 1))
            cells = [f"{mean[i]:.3f} ± {spread[i]:.3f}" if i % 2 == 0 else f"{mean[i]:.1%}" for i in range(4)]
            print(f"| {text} | {maker or 'as they were'} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
