"""What sketches of rows cost and how exact they are: prints the tables of docs/sketches.md.

Rows are drawn: heavy-tailed, some columns whole numbers, in an order that suits no sketch (ascending). Each sketch is
made of 16 unequal parts and merged; its error is the greatest over all columns, against all rows at once in NumPy.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/sketches.py
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from time import process_time
from typing import Any

import numpy as np

import oddflow
from oddflow.baselines import gather
from oddflow.features.gathering import Gathered
from oddflow.learning.known import QUANTILES
from oddflow.learning.learn import learn
from oddflow.learning.over_shares import learn_shares, places_of
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.cells import Cells
from oddflow.models.sketches.moments import Moments
from oddflow.models.sketches.products import Products
from oddflow.models.sketches.ranks import nearest
from oddflow.models.sketches.shares import merged, passed_over
from oddflow.models.sketches.tops import Tops

PARTS = 16
COLUMNS = 8


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = np.random.default_rng(given.seed)
    x = np.sort(np.exp(chance.normal(3, 3, (given.rows, COLUMNS))).astype(np.float32), axis=0)
    x[:, COLUMNS // 2 :] = np.rint(x[:, COLUMNS // 2 :])
    parts = np.split(x, np.sort(chance.integers(0, given.rows, PARTS - 1)))
    print(f"{given.rows:,} rows, {COLUMNS} columns, {PARTS} parts\n")
    print("| sketch | of | promised error | measured | ns a number | KiB packed |\n|---|---|---|---|---|---|")
    for row in (_moments, _products, _cells, _finer, _tops, _counts, _few_counts):
        print(f"| {' | '.join(row(x, parts))} |", flush=True)
    print("\n| detector | rows | `learn` | over 16 shares | parts that differ |\n|---|---|---|---|---|")
    gathered = _enlarged(gather(str(oddflow.examples() / "office-baseline.pcap.zst"), detector="robust-pca"), chance)
    for name in ("robust-pca", "histograms"):
        print(f"| {' | '.join(_learnt(gathered, name, chance))} |", flush=True)


def _made(make: Callable[[Any], Any], parts: list[Any]) -> tuple[Any, float]:
    """A sketch of all parts that were sent as bytes, and how long they took, merging included."""
    began = process_time()
    first, *others = [make(part) for part in parts]
    for other in others:
        first.merge(type(other).from_bytes(other.to_bytes()))
    return first, process_time() - began


def _cost(seconds: float, numbers: int, sketch: Any) -> list[str]:
    return [f"{1e9 * seconds / numbers:.0f}", f"{len(sketch.to_bytes()) / 1_024:,.1f}"]


def _moments(x: Any, parts: list[Any]) -> list[str]:
    def make(part: Any) -> Moments:
        sketch = Moments(1, COLUMNS)
        sketch.update(part, np.zeros(len(part), np.int64))
        return sketch

    found, seconds = _made(make, parts)
    off = 0.0
    for column in range(COLUMNS):
        values, counts = np.unique(x[:, column], return_counts=True)
        true = sum(Fraction(float(v)) * int(n) for v, n in zip(values, counts, strict=True)) / len(x)
        off = max(off, abs(float(Fraction(found.mean()[column]) / true - 1)))
    return ["Moments", "mean, variance", "half a bit of a float64", f"{off:.0e}", *_cost(seconds, x.size, found)]


def _products(x: Any, parts: list[Any]) -> list[str]:
    def scaled(part: Any) -> Any:
        return np.clip((np.log1p(part) - 3) / 3, -30, 30).astype(np.float32)

    def make(part: Any) -> Products:
        sketch = Products(COLUMNS)
        sketch.update(scaled(part))
        return sketch

    found, seconds = _made(make, parts)
    off = np.abs(found.covariance() - np.cov(scaled(x).astype(np.float64).T, bias=True)).max()
    return ["Products", "covariance of scaled rows", "2⁻²⁵ a value", f"{off:.0e}", *_cost(seconds, x.size, found)]


def _cells_of(part: Any) -> Cells:
    sketch = Cells(COLUMNS)
    sketch.update(part)
    return sketch


def _off(found: Any, x: Any) -> float:
    true = np.quantile(x, QUANTILES, axis=0, method="nearest").astype(np.float64)
    return float((np.abs(found - true) / np.maximum(np.abs(true), 1e-30)).max())


def _places(x: Any) -> list[int]:
    return [nearest(len(x), share) for share in QUANTILES]


def _cells(x: Any, parts: list[Any]) -> list[str]:
    found, seconds = _made(_cells_of, parts)
    off = _off(found.estimates(_places(x)), x)
    return ["Cells", "7 quantiles, one pass", "0.39 % of the value", f"{off:.2%}", *_cost(seconds, x.size, found)]


def _finer(x: Any, parts: list[Any]) -> list[str]:
    cells, _ = _made(_cells_of, parts)

    def make(part: Any) -> Any:
        sketch = cells.finer(_places(x))
        sketch.update(part)
        return sketch

    found, seconds = _made(make, parts)
    off = _off(found.values(), x)
    return ["FinerCells", "the same, a second pass", "none", f"{off:.0%}", *_cost(seconds, x.size, found)]


def _tops(x: Any, parts: list[Any]) -> list[str]:
    def make(part: Any) -> Tops:
        sketch = Tops.for_share([len(x)], 0.999, COLUMNS)
        sketch.update(part)
        return sketch

    found, seconds = _made(make, parts)
    off = np.abs(found.quantile(0, 0.999) - np.quantile(x, 0.999, axis=0)).max()
    return ["Tops", "the quantile 0.999", "none", f"{off:.0f}", *_cost(seconds, x.size, found)]


def _counted(x: Any, parts: list[Any], most: int, promised: str) -> list[str]:
    def make(part: Any) -> Counts:
        sketch = Counts(most)
        sketch.update(part[:, -1])
        return sketch

    found, seconds = _made(make, parts)
    values, counts = np.unique(x[:, -1], return_counts=True)
    off = int((counts - np.array(found.of(values.tolist()))).max())
    assert off <= found.error <= len(x) // (most + 1)  # noqa: S101  (what is promised)
    name = f"Counts of {most:,}"
    return [name, f"{len(values):,} values", promised, f"{off:,} of {found.error:,}", *_cost(seconds, len(x), found)]


def _counts(x: Any, parts: list[Any]) -> list[str]:
    return _counted(x, parts, 65_536, "none")


def _few_counts(x: Any, parts: list[Any]) -> list[str]:
    return _counted(x, parts, 1_024, f"{len(x) // 1_025:,} rows")


def _enlarged(gathered: Gathered, chance: np.random.Generator) -> Gathered:
    """So many rows as need no other machine's, but more than are held back in turn."""
    times = 8
    x = np.tile(gathered.x, (times, 1))
    x[:, 2:] *= np.exp(chance.normal(0, 0.05, (len(x), 1))).astype(np.float32)
    shifts = np.repeat(np.arange(times), len(gathered.x)) * (gathered.end_ns - gathered.start_ns)
    return replace(
        gathered, x=x, times_ns=np.tile(gathered.times_ns, times) + shifts, hosts=np.tile(gathered.hosts, times)
    )


class _Apart:
    def __init__(self, x: Any, places: Any, cuts: Any) -> None:
        self._pieces = list(zip(np.split(x, cuts), np.split(places, cuts), strict=True))

    def told(self, look: Any, stretch: Any) -> Any:
        return merged([passed_over(look, stretch, x, places) for x, places in self._pieces])


def _learnt(gathered: Gathered, name: str, chance: np.random.Generator) -> list[str]:
    began = process_time()
    one = learn(gathered, detector=name)
    together_s, began = process_time() - began, process_time()
    cuts = np.sort(chance.integers(0, len(gathered.x), PARTS - 1))
    shares = _Apart(gathered.x, places_of(gathered.times_ns), cuts)
    other = learn_shares(replace(gathered, x=gathered.x[:0]), shares, detector=name)
    apart_s = process_time() - began
    differ = sum(other.parts[part] != content for part, content in one.parts.items())
    return [name, f"{len(gathered.x):,}", f"{together_s:.1f} s", f"{apart_s:.1f} s", f"{differ} of {len(one.parts)}"]


if __name__ == "__main__":
    main()
