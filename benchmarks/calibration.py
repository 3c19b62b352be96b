"""Whether the stated number of false alarms holds: prints the tables of docs/calibration.md.

Each network's normal flows, in the order of their ends, are cut in fourteen. Seven times a model learns half of them in
a row, sets its threshold for a share of false alarms as `learn` and `detect` do, and meets the next fourteenth; then
half and test roll on by one. So the seven tests do not overlap. Attacks are left out of both by their labels; their
traffic still shows in the context of flows around them.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/calibration.py --data ../shared/data \
        --lab out/lab-11
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import oddflow
from oddflow.datasets.truth import GroundTruth
from oddflow.errors import OddflowError
from oddflow.features.context import ContextSettings
from oddflow.features.full import FULL
from oddflow.features.gathering import Gathered, gather
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.portable import PORTABLE
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings
from oddflow.learning.learn import learn
from oddflow.losses import Ledger
from oddflow.models.held_back import Circumstances
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import Budget, set_threshold
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.counts import count_interval, rate_interval
from oddflow.verdicts.uniformity import Uniformity

PARTS, RUNS = 14, 7
SHARES = (0.01, 0.05)
NORMAL = ("benign", "background")


class _Truth:
    """0 for normal flows, by a ground truth where there is one, else by the labels of the source, if any."""

    def __init__(self, truth: Path | None) -> None:
        self._truth = GroundTruth.read(str(truth)) if truth is not None and truth.exists() else None

    def begin(self) -> None:
        """Nothing to forget."""

    def labels(self, batch: pa.RecordBatch) -> tuple[NDArray[np.int64], None]:
        """0 or 1, (n,)."""
        if self._truth is not None:
            return np.array([name != "" for name in self._truth.attacks(batch)], np.int64), None
        labels = batch.column("label").fill_null("benign").to_pylist()
        return np.array([not label.lower().startswith(NORMAL) for label in labels], np.int64), None


@dataclass(frozen=True, slots=True)
class Network:
    """Normal flows of a network, in the order of their ends."""

    name: str
    rows: Gathered

    @classmethod
    def read(cls, name: str, sources: Sequence[tuple[Path, Path | None]], *, portable: bool) -> "Network":
        """From sources, each with its truth; what is no normal flow is left out once it has been context."""
        kind = PORTABLE if portable else FULL
        found = [
            gather(
                [str(source)],
                Tabular.of(HomeNetworks(PRIVATE), ContextSettings(), kind),
                settings=MeterSettings(),
                ledger=Ledger(),
                labeller=_Truth(truth),
            )
            for source, truth in sources
        ]
        y = np.concatenate([one.y for one in found if one.y is not None])
        times_ns = np.concatenate([one.times_ns for one in found])
        kept = np.flatnonzero(y == 0)[np.argsort(times_ns[y == 0], kind="stable")]
        x, hosts = (np.concatenate([getattr(one, what) for one in found])[kept] for what in ("x", "hosts"))
        return cls(name, replace(found[0], x=x, hosts=hosts, times_ns=times_ns[kept], y=None))

    def between(self, start: int, end: int) -> Gathered:
        """Some of the flows."""
        part = slice(start, end)
        times_ns = self.rows.times_ns[part]
        return replace(
            self.rows,
            x=self.rows.x[part],
            hosts=self.rows.hosts[part],
            times_ns=times_ns,
            flows=end - start,
            start_ns=int(times_ns[0]),
            end_ns=int(times_ns[-1]),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """What one run expected, and what came."""

    flows: int
    expected: float
    low: float
    high: float
    low_alone: float
    high_alone: float
    """The same as if flows were independent of each other."""
    seen: int
    effect: float
    ratio: float
    """Upper over lower end of the interval of the rate."""
    drifted: bool
    errors: tuple[float, float]
    """How far p ≤ 5 % is from 5 % by service, without contexts and with them."""


def runs(network: Network, detector: str, share: float) -> Iterator[Run]:
    """Seven of them."""
    count = len(network.rows.x)
    edges = [round(count * place / PARTS) for place in range(PARTS + 1)]
    for place in range(RUNS):
        learnt = network.between(edges[place], edges[place + RUNS])
        met = network.between(edges[place + RUNS], edges[place + RUNS + 1])
        model = SealedModel(learn(learnt, detector=detector, seed=0))
        calibration = Calibration(model.sample)
        threshold = set_threshold(model.held_back, Budget.of_share(share), 1.0)
        scores = model.scores(met.x)
        over, n = int((model.held_back >= threshold.score).sum()), len(model.held_back)
        effect = calibration.effect(over)
        within = count_interval(over, n, len(scores), effect)
        alone = count_interval(over, n, len(scores))
        watched = Uniformity(calibration, threshold.score)
        watched.add(scores)
        yield Run(
            flows=len(scores),
            expected=over / n * len(scores),
            low=within.low,
            high=within.high,
            low_alone=alone.low,
            high_alone=alone.high,
            seen=int((scores >= threshold.score).sum()),
            effect=effect,
            ratio=rate_interval(over, n, effect).ratio,
            drifted=watched.told() is not None,
            errors=_errors(calibration, met, scores),
        )


def _errors(calibration: Calibration, met: Gathered, scores: NDArray[np.float32]) -> tuple[float, float]:
    of = Circumstances.of(met.x, met.times_ns, met.features)
    found = []
    for p in (calibration.p_values(scores), calibration.p_values(scores, of)):
        by_service = [(of.services == service) for service in np.unique(of.services)]
        found.append(sum(abs(float((p[here] <= 0.05).mean()) - 0.05) * here.sum() for here in by_service) / len(p))
    return found[0], found[1]


def networks(data: Path | None, labs: Sequence[Path]) -> Iterator[Network]:
    """Those that are there."""
    for name, folder in [("office (lab, seed 1)", oddflow.examples()), *((f"lab, {one.name}", one) for one in labs)]:
        sources = [
            (folder / f"office-{what}.pcap.zst", folder / f"office-{what}.truth.csv")
            for what in ("baseline", "incident")
        ]
        yield Network.read(name, sources, portable=False)
    if data is not None:
        for number in ("011", "010", "008"):
            log = data / "stratosphere-zeek" / number / "conn.log.labeled.gz"
            yield Network.read(f"Stratosphere {number}", [(log, None)], portable=True)
        yield Network.read("IoT-23 34-1", [(data / "iot-23" / "conn.log.labeled.gz", None)], portable=True)


def main() -> None:
    """Prints a table for each share, and one line for each run where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="the folder of data sets")
    parser.add_argument("--lab", type=Path, nargs="*", default=[], help="folders that lab/make.py wrote")
    parser.add_argument("--detector", default="robust-pca")
    parser.add_argument("--runs", action="store_true", help="a line for each run")
    given = parser.parse_args()
    try:
        read = list(networks(given.data, given.lab))
    except OddflowError as error:
        sys.exit(str(error))
    for share in SHARES:
        print(f"\nThreshold for {share:.0%} of normal flows, {given.detector}:\n")
        print(
            "| network | normal flows | within the interval | as if independent | design effect | upper / lower of the "
            "rate | outside and drift told | inside and drift told | error by service: without, with contexts |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for network in read:
            found = list(runs(network, given.detector, share))
            inside = [run.low <= run.seen <= run.high for run in found]
            alone = sum(run.low_alone <= run.seen <= run.high_alone for run in found)
            told = [run.drifted for run in found]
            outside_told = sum(not a and b for a, b in zip(inside, told, strict=True))
            inside_told = sum(a and b for a, b in zip(inside, told, strict=True))
            errors = np.mean([run.errors for run in found], axis=0)
            print(
                f"| {network.name} | {len(network.rows.x):,} | {sum(inside)} of {len(found)} | {alone} of {len(found)} "
                f"| {np.median([run.effect for run in found]):.1f} | {np.median([run.ratio for run in found]):.1f} "
                f"| {outside_told} of {len(found) - sum(inside)} | {inside_told} of {sum(inside)} "
                f"| {errors[0]:.1%}, {errors[1]:.1%} |",
                flush=True,
            )
            if given.runs:
                for run in found:
                    print(
                        f"    {run.flows} flows: {run.expected:.0f} expected, {run.low:.0f} to {run.high:.0f} "
                        f"(alone {run.low_alone:.0f} to {run.high_alone:.0f}), {run.seen} seen"
                    )
    print("\n10,000 flows held back and 10,000 to come:\n")
    print("| share | design effect | rate | count | upper / lower of each |\n|---|---|---|---|---|")
    for share in SHARES:
        for effect in (1.0, 2.0, 4.0, 8.0, 16.0):
            over = round(share * 10_000)
            rate, count = rate_interval(over, 10_000, effect), count_interval(over, 10_000, 10_000, effect)
            told = f"{rate.low:.2%} to {rate.high:.2%} | {count.low:.0f} to {count.high:.0f}"
            print(f"| {share:.0%} | {effect:.0f} | {told} | {rate.ratio:.2f}, {count.ratio:.2f} |")


if __name__ == "__main__":
    main()
