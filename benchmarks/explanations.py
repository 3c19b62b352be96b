"""Whether explanations are true: prints the tables of docs/explain.md.

A model learns an office's quiet day. Then, with its threshold at a false alarm in 1,000 normal flows:

    feature     one number of a normal flow is put beyond all that was seen: is it the first reason?
    pair        two numbers that go together are put to opposite ends of their own ranges: are both in the first three?
    back        the first three reasons of real alerts are put back to normal: is the flow an alert no more? The same
                parts, in the order of their z-scores and by chance, are put back beside.

Of models of pictures of bytes, in a table of its own:

    bytes       two lines of a normal flow's first bytes become bytes by chance: is the hottest line one of them?
    bytes back  the 64 hottest bytes of real alerts are put back to normal: is the flow an alert no more? Those that are
                hottest by Grad-CAM, and as many of the flow's bytes by chance, are put back beside.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/explanations.py --data ../shared/data
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import oddflow
from oddflow import api, baselines
from oddflow.datasets.loading import load
from oddflow.datasets.splits import splits
from oddflow.errors import OddflowError
from oddflow.features.feature import Scale
from oddflow.features.image import SIDE
from oddflow.features.representation import Reads
from oddflow.models.measure import Measure
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alerting import normal_of
from oddflow.verdicts.budget import Budget, set_threshold
from oddflow.verdicts.explaining.attribution import attribution
from oddflow.verdicts.explaining.bound import joined
from oddflow.verdicts.explaining.heat import byte_heat, heat
from oddflow.verdicts.explaining.parts import BYTES_TOGETHER, Part, parts_of
from oddflow.verdicts.explaining.putting_back import few_enough, put_back
from oddflow.verdicts.explaining.substitutes import Substitutes
from oddflow.verdicts.naming import Normal, without_window

DETECTORS = ("autoencoder", "robust-pca", "variational-autoencoder", "isolation-forest", "restricted-boltzmann-machine")
OF_BYTES = ("convolutional-autoencoder",)
FALSE_ALARMS = 0.001
FIRST = 3
BEYOND = 3.0
"""So many usual ranges beyond the greatest value that was seen."""
TOGETHER = 0.8
"""Numbers with such a rank correlation go together."""
PLANTED = 32
"""Bytes of a flow that are made others: two lines of a dump."""
LONG = 128
"""Flows of fewer bytes are not planted in: a line by chance would be right too often."""
BYTES_BACK = 64


@dataclass(slots=True)
class Explained:
    """A row taken apart.

    Attributes:
        parts: All of them.
        order: Parts in the explanation's order, the first three at least.
        columns: The leading column of each of these.
        told: Names of the reasons that `detect` gives, which sees the parts of the score alone.
        substitutes: What was put in their place.
    """

    parts: tuple[Part, ...]
    order: list[Part]
    columns: list[int]
    told: list[str]
    substitutes: Substitutes


@dataclass(slots=True)
class Bench:
    """A model under test."""

    model: SealedModel
    normal: Normal
    threshold: float
    measure: Measure
    chance: np.random.Generator

    @classmethod
    def of(cls, model: SealedModel, seed: int) -> "Bench":
        """With a threshold that one in 1,000 held-back flows passes."""
        threshold = set_threshold(model.held_back, Budget.of_share(FALSE_ALARMS), model.manifest.flows_per_s).score
        ranges = model.manifest.ranges
        measure = Measure(model.features, np.array([r.q01 for r in ranges]), np.array([r.q99 for r in ranges]))
        normal = normal_of(model, model.held_back, "normal flows")
        return cls(model, normal, threshold, measure, np.random.default_rng(seed))

    def explained(self, row: Floats) -> Explained:
        """As `explain` does it."""
        substitutes = Substitutes.of(self.model, self.normal, row, self.threshold)
        parts = joined(parts_of(self.model.features), self.model.prototypes, substitutes.measure)
        found = attribution(self.model, row, parts, substitutes)
        steps = put_back(
            self.model.scores,
            row,
            few_enough(parts, found.shares),
            substitutes.rows,
            threshold=self.threshold,
            steps=FIRST,
            least=FIRST,
        )
        columns = [int(s.part.columns[int(np.argmax(found.shares[s.part.columns]))]) for s in steps]
        told = [r.feature for r in self.normal.reasons(row, self.model.score(row[None])[1][0])]
        return Explained(parts, [step.part for step in steps], columns, told, substitutes)

    def planted_beyond(self, rows: Floats) -> tuple[int, int, int, int]:
        """Rows planted, alerts of them, those first in the explanation, and first in what `detect` tells."""
        numbers = [p for p, f in enumerate(self.model.features) if f.scale is not Scale.CATEGORY]
        alerts = first = told = 0
        for row in rows:
            place = int(self.chance.choice(numbers))
            odd = row.copy()
            odd[place] = self._beyond(place)
            if self.model.scores(odd[None])[0] < self.threshold:
                continue
            alerts += 1
            found = self.explained(odd)
            family = without_window(self.model.features[place].name)
            first += without_window(self.model.features[found.columns[0]].name) == family
            told += bool(found.told) and without_window(found.told[0]) == family
        return len(rows), alerts, first, told

    def _beyond(self, place: int) -> float:
        ranges = self.model.manifest.ranges[place]
        ends = np.zeros((2, len(self.model.features)), np.float32)
        ends[:, place] = ranges.q01, ranges.maximum
        least = 1.0 if self.model.features[place].scale is Scale.LOG else 0.05
        ends[1, place] = max(ends[1, place], ends[0, place] + least)
        return float(self.measure.between(ends[0], ends[1], 1 + BEYOND)[place])

    def planted_pairs(self, rows: Floats) -> tuple[int, int, int, int]:
        """Rows planted, alerts of them, pairs in the first three of the explanation, and of what `detect` tells."""
        pairs = self._pairs(rows)
        planted = alerts = first = told = 0
        for row in rows:
            if not pairs:
                break
            a, b, sign = pairs[int(self.chance.integers(len(pairs)))]
            ends = self.model.manifest.ranges
            odd = row.copy()
            odd[a] = ends[a].q99
            odd[b] = ends[b].q01 if sign > 0 else ends[b].q99
            planted += 1
            if self.model.scores(odd[None])[0] < self.threshold:
                continue
            alerts += 1
            found = self.explained(odd)
            inside = {int(column) for part in found.order[:FIRST] for column in part.columns}
            first += {a, b} <= inside
            named = {without_window(name) for name in found.told[:FIRST]}
            told += {without_window(self.model.features[c].name) for c in (a, b)} <= named
        return planted, alerts, first, told

    def _pairs(self, rows: Floats) -> list[tuple[int, int, float]]:
        """Columns of other families that go together in normal rows, and how."""
        numbers = [
            p for p, f in enumerate(self.model.features) if f.scale is not Scale.CATEGORY and np.ptp(rows[:, p]) > 0
        ]
        ranks = np.argsort(np.argsort(rows[:, numbers], axis=0, kind="stable"), axis=0, kind="stable")
        near = np.corrcoef(ranks.T)
        names = [without_window(self.model.features[p].name) for p in numbers]
        return [
            (numbers[i], numbers[j], float(near[i, j]))
            for i in range(len(numbers))
            for j in range(len(numbers))
            if names[i] != names[j] and abs(near[i, j]) >= TOGETHER
        ]

    def back(self, rows: Floats) -> dict[str, float]:
        """The share of alerts that are none when three parts are put back, by the order of these."""
        orders: dict[str, list[bool]] = {name: [] for name in ("explanation", "shares", "z-score", "chance")}
        medians = np.array([one.median for one in self.model.manifest.ranges], np.float32)
        for row in rows:
            found = self.explained(row)
            shares = attribution(self.model, row, found.parts, found.substitutes).shares
            far = self.measure.apart(row[None], medians)[0]
            ranked = {
                "explanation": [_place(found.parts, part) for part in found.order],
                "shares": _order(found.parts, shares, summed=True),
                "z-score": _order(found.parts, far, summed=False),
                "chance": self.chance.permutation(len(found.parts)).tolist(),
            }
            for name, order in ranked.items():
                steps = put_back(
                    self.model.scores,
                    row,
                    found.parts,
                    found.substitutes.rows,
                    threshold=self.threshold,
                    order=order[:FIRST],
                    steps=FIRST,
                )
                orders[name].append(min(step.score for step in steps) < self.threshold)
        return {name: float(np.mean(under)) if under else float("nan") for name, under in orders.items()}

    def heats(self, row: Floats) -> dict[str, Floats]:
        """Heat of each byte as `explain` tells it, and by Grad-CAM."""
        substitutes = Substitutes.of(self.model, self.normal, row, self.threshold)
        parts = parts_of(self.model.features)
        told = byte_heat(self.model, row, parts, substitutes, attribution(self.model, row, parts, substitutes))
        cam = heat(self.model, row, side=SIDE)
        if told is None or cam is None:
            raise OddflowError(f"{self.model.manifest.detector} does not see bytes by convolutions")
        return {"explanation": told[0], "grad-cam": cam.reshape(-1)}

    def planted_bytes(self, rows: Floats) -> tuple[int, dict[str, float]]:
        """Alerts of rows planted in, and how often the hottest line is planted, by the heat of these; and by chance."""
        alerts = 0
        found = {"explanation": 0.0, "grad-cam": 0.0, "chance": 0.0}
        for row in rows:
            used = _used(row)
            start = int(self.chance.integers(0, (used - PLANTED) // BYTES_TOGETHER + 1)) * BYTES_TOGETHER
            odd = row.copy()
            odd[start : start + PLANTED] = self.chance.integers(0, 256, PLANTED) / 255
            if self.model.scores(odd[None])[0] < self.threshold:
                continue
            alerts += 1
            found["chance"] += PLANTED / used
            for name, seen in self.heats(odd).items():
                hottest = int(seen.reshape(-1, BYTES_TOGETHER).mean(axis=1).argmax()) * BYTES_TOGETHER
                found[name] += start <= hottest < start + PLANTED
        return alerts, {name: hits / max(1, alerts) for name, hits in found.items()}

    def bytes_back(self, rows: Floats) -> dict[str, float]:
        """The share of alerts that are none when 64 bytes are put back, the hottest of these and by chance."""
        under: dict[str, list[bool]] = {name: [] for name in ("explanation", "grad-cam", "chance")}
        for row in rows:
            chosen = {name: np.argsort(-seen, kind="stable")[:BYTES_BACK] for name, seen in self.heats(row).items()}
            chosen["chance"] = self.chance.permutation(_used(row) or len(row))[:BYTES_BACK]
            substitutes = Substitutes.of(self.model, self.normal, row, self.threshold).rows
            for name, places in chosen.items():
                trials = np.repeat(row[None], len(substitutes), axis=0)
                trials[:, places] = substitutes[:, places]
                under[name].append(bool(self.model.scores(trials).min() < self.threshold))
        return {name: float(np.mean(ones)) if ones else float("nan") for name, ones in under.items()}


def _used(row: Floats) -> int:
    """Bytes of a row up to the last that is not 0."""
    places = np.flatnonzero(row)
    return int(places[-1]) + 1 if len(places) else 0


def _place(parts: tuple[Part, ...], wanted: Part) -> int:
    return next(place for place, part in enumerate(parts) if part is wanted)


def _order(parts: tuple[Part, ...], values: NDArray[np.floating], *, summed: bool) -> list[int]:
    by_part = [values[part.columns].sum() if summed else values[part.columns].max() for part in parts]
    return np.argsort(-np.array(by_part), kind="stable").tolist()


def share(part: int, whole: int) -> str:
    """In percent, with the count."""
    return f"{part / whole:.1%} of {whole}" if whole else "–"


def line(source: str, name: str, bench: Bench, normal: Floats, odd: Floats, count: int) -> str:
    """One line of the table; pictures of bytes have no numbers to plant."""
    scores = bench.model.scores(normal)
    usual = normal[scores < bench.threshold]
    usual = usual[bench.chance.permutation(len(usual))[:count]]
    over = odd[bench.model.scores(odd) >= bench.threshold]
    over = over[bench.chance.permutation(len(over))[:count]]
    cells = ["–"] * 4
    if len(bench.model.prototypes):
        _, alerts, first, told = bench.planted_beyond(usual)
        cells[:2] = [share(first, alerts), share(told, alerts)]
        _, alerts, first, told = bench.planted_pairs(usual)
        cells[2:] = [share(first, alerts), share(told, alerts)]
    back = bench.back(over)
    cells += [f"{back['explanation']:.1%} of {len(over)}", *(f"{back[k]:.1%}" for k in ("shares", "z-score", "chance"))]
    return f"| {source} | {name} | {' | '.join(cells)} |"


def line_of_bytes(source: str, name: str, bench: Bench, normal: Floats, odd: Floats, count: int) -> str:
    """One line of the table of bytes."""
    usual = normal[(bench.model.scores(normal) < bench.threshold) & ([_used(row) >= LONG for row in normal])]
    alerts, hit = bench.planted_bytes(usual[bench.chance.permutation(len(usual))[:count]])
    over = odd[bench.model.scores(odd) >= bench.threshold]
    over = over[bench.chance.permutation(len(over))[:count]]
    back = bench.bytes_back(over)
    names = ("explanation", "grad-cam", "chance")
    cells = [f"{hit[k]:.1%}" for k in names] + [f"{back[k]:.1%}" for k in names]
    cells[0] += f" of {alerts}"
    cells[3] += f" of {len(over)}"
    return f"| {source} | {name} | {' | '.join(cells)} |"


def office(folder: Path, name: str, seed: int) -> tuple[Bench, Floats, Floats]:
    """A model of an office's quiet day, its rows, and those of its incident."""
    gathered = baselines.gather(folder / "office-baseline.pcap.zst", detector=name)
    bench = Bench.of(api.learn_gathered(gathered, detector=name, seed=seed), seed)
    odd = baselines.gather_for(bench.model, folder / "office-incident.pcap.zst")
    return bench, gathered.x, odd.x


def public(dataset: str, data: Path, name: str, seed: int, reads: Reads) -> tuple[Bench, Floats, Floats]:
    """A model of a data set's normal rows to learn from, these, and its rows to test on."""
    rows = load(dataset, data, reads=reads)
    split = "official" if dataset == "nsl-kdd" else "random"
    chosen = splits(rows, split, seed=seed)[0]
    gathered = baselines.gather_dataset(dataset, data, split=split, seed=seed, reads=reads)
    keep = np.random.default_rng(seed).permutation(len(gathered.x))[:8_000]
    keep.sort()
    gathered.x, gathered.times_ns = gathered.x[keep], gathered.times_ns[keep]
    bench = Bench.of(api.learn_gathered(gathered, detector=name, seed=seed), seed)
    test = rows.x[chosen.test]
    return bench, gathered.x, np.nan_to_num(test[:: max(1, len(test) // 4_000)])


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="the folder of data sets")
    parser.add_argument("--lab", type=Path, action="append", default=[], help="a folder with an office of another seed")
    parser.add_argument("--detector", action="append", default=[])
    parser.add_argument("--count", type=int, default=300, help="rows for each figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", choices=("features", "bytes"), action="append", default=[], help="both unless given")
    given = parser.parse_args()
    tables = given.table or ["features", "bytes"]
    try:
        if "features" in tables:
            features(given)
        if "bytes" in tables:
            bytes_of(given)
    except OddflowError as error:
        sys.exit(f"explanations: {error}")


def features(given: argparse.Namespace) -> None:
    """The table of detectors that read numbers."""
    print(
        "| source | detector | feature first | first as `detect` says it | pair in three | as `detect` says it "
        "| three back | by shares | by z-score | by chance |"
    )
    print(f"|{'---|' * 10}")
    for folder in given.lab or [oddflow.examples()]:
        for name in given.detector or DETECTORS:
            print(line(folder.name, name, *office(folder, name, given.seed), given.count), flush=True)
    if given.data is not None:
        for name in given.detector or ("autoencoder", "robust-pca", "isolation-forest"):
            rows = public("nsl-kdd", given.data, name, given.seed, Reads.TABULAR)
            print(line("NSL-KDD", name, *rows, given.count), flush=True)


def bytes_of(given: argparse.Namespace) -> None:
    """The table of detectors that read pictures of bytes; `--detector` names none of these."""
    print(
        "\n| source | detector | planted bytes hottest | by Grad-CAM | by chance | 64 hottest back | by Grad-CAM "
        "| by chance |"
    )
    print(f"|{'---|' * 8}")
    for folder in given.lab or [oddflow.examples()]:
        for name in OF_BYTES:
            print(line_of_bytes(folder.name, name, *office(folder, name, given.seed), given.count), flush=True)


if __name__ == "__main__":
    main()
