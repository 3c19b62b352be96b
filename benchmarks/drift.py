"""How seldom drift is told where there is none, and how soon where there is: `python benchmarks/drift.py`.

A model learns the example baseline. Flows like it are drawn from it in stretches of 100, so that neighbours stay
together; drift is put into them after the first 4,000. With captures as arguments, what each gives is told as well:
`python benchmarks/drift.py another-day.pcap …`. Of labelled logs, which end in `.labeled.gz`, the first half of the
benign flows is learnt and the second half watched.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.random import Generator

import oddflow
from oddflow.baselines import gather_for
from oddflow.logs.table import TableWriter
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.drift.finding import Drifted
from oddflow.verdicts.drift.monitor import DriftMonitor

RUNS = 20
STRETCH = 100
BEFORE, AFTER = 4_000, 8_000
STEP = 100
S_NS = 1_000_000_000
DNS = 17 * 65_536 + 53

Change = Callable[[Floats, dict[str, int], Generator, "np.ndarray"], None]
"""Changes rows in place: rows, places of features by name, chance, and how far along each row is, 0 to 1."""


def answers_doubled(x: Floats, at: dict[str, int], _: Generator, __: np.ndarray) -> None:
    """Answers of DNS carry twice as much."""
    dns = x[:, at["service"]] == DNS
    for name in ("reverse_payload", "reverse_payload_mean", "reverse_length_max"):
        x[dns, at[name]] *= 2


def longer(x: Floats, at: dict[str, int], _: Generator, __: np.ndarray) -> None:
    """All flows last three times as long."""
    x[:, at["duration_s"]] *= 3


def slide(x: Floats, at: dict[str, int], _: Generator, along: np.ndarray) -> None:
    """What hosts send grows slowly, to four times as much."""
    for name in ("forward_payload", "forward_payload_mean"):
        x[:, at[name]] *= (1 + 3 * along).astype(np.float32)


def busier(x: Floats, at: dict[str, int], _: Generator, __: np.ndarray) -> None:
    """Hosts do half as much again in two minutes."""
    for name, place in at.items():
        if name.endswith("_120s"):
            x[:, place] = np.round(x[:, place] * 1.5)


def encrypted(x: Floats, at: dict[str, int], chance: Generator, __: np.ndarray) -> None:
    """A third of the flows become unreadable: entropy near 7.5 bits a byte, a quarter of it text."""
    some = chance.random(len(x)) < 1 / 3
    x[some, at["payload_entropy"]] = chance.normal(7.5, 0.1, int(some.sum()))
    x[some, at["payload_printable"]] = 0.37


CHANGES: dict[str, Change] = {
    "answers of DNS doubled": answers_doubled,
    "flows last three times as long": longer,
    "bytes sent grow slowly to four times": slide,
    "hosts half as busy again": busier,
    "a third of the flows encrypted": encrypted,
}


def drawn(x: Floats, count: int, chance: Generator) -> Floats:
    """Rows in stretches of neighbours, (count, d)."""
    starts = chance.integers(0, len(x) - STRETCH, -(-count // STRETCH))
    return np.concatenate([x[start : start + STRETCH] for start in starts])[:count]


def first_told(model: SealedModel, x: Floats) -> tuple[int | None, str, int]:
    """After how many flows drift was told, of what, and how many alerts there were."""
    budget = Budget.parse(DEFAULT_BUDGET)
    threshold = set_threshold(model.held_back, budget, model.manifest.flows_per_s)
    monitor = DriftMonitor(model, threshold.score, threshold.expected_false)
    scores, ends_ns = model.scores(x), np.arange(len(x)) * S_NS
    for start in range(0, len(x), STEP):
        part = slice(start, start + STEP)
        monitor.add(x[part], scores[part], ends_ns[part])
        if news := monitor.news():
            return start + STEP, news[0].name or str(news[0].what), int((scores >= threshold.score).sum())
    return None, "", int((scores >= threshold.score).sum())


def table(model: SealedModel, x: Floats) -> None:
    """The table of the docs."""
    at = {feature.name: place for place, feature in enumerate(model.features)}
    print("| drift | told, of 20 runs | after flows, median (most) | first told of |")
    print("|---|---|---|---|")
    told = [first_told(model, drawn(x, BEFORE + AFTER, np.random.default_rng(seed)))[0] for seed in range(RUNS)]
    print(f"| none, {BEFORE + AFTER:,} flows each | {sum(when is not None for when in told)} | – | – |")
    for name, change in CHANGES.items():
        delays, names = [], []
        for seed in range(RUNS):
            chance = np.random.default_rng(seed)
            rows = drawn(x, BEFORE + AFTER, chance)
            after = rows[BEFORE:].copy()
            change(after, at, chance, np.linspace(0, 1, AFTER))
            when, what, _ = first_told(model, np.concatenate([rows[:BEFORE], after]))
            if when is not None and when > BEFORE:
                delays.append(when - BEFORE)
                names.append(what)
        middle = f"{int(np.median(delays)):,} ({max(delays):,})" if delays else "–"
        commonest = max(set(names), key=names.count) if names else "–"
        print(f"| {name} | {len(delays)} | {middle} | {commonest} |")


def captures(model: SealedModel, sources: Sequence[str]) -> None:
    """What is told of real traffic."""
    print("\n| source | flows | alerts | drift |")
    print("|---|---|---|---|")
    for source in sources:
        found = oddflow.detect(source, model=model)
        told = "; ".join(drift.name or str(drift.what) for drift in found.drifts if drift.what is not Drifted.ALERTS)
        rate = " alerts" if any(drift.what is Drifted.ALERTS for drift in found.drifts) else ""
        print(f"| {Path(source).parent.name}/{Path(source).name} | {found.flows:,} | {found.alerts:,} | {told}{rate} |")


def halves(logs: Sequence[str]) -> None:
    """What is told of the second half of a log, by a model of its first; benign flows alone."""
    print("\n| log | flows watched | alerts | drift |")
    print("|---|---|---|---|")
    for log in logs:
        flows = pa.Table.from_batches(list(oddflow.flows(log))).sort_by("end")
        benign = [not (label or "").lower().startswith("malicious") for label in flows.column("label").to_pylist()]
        flows = flows.filter(pa.array(benign)).combine_chunks()
        with TemporaryDirectory() as folder:
            cut = flows.num_rows // 2
            for name, part in (("learnt", flows.slice(0, cut)), ("watched", flows.slice(cut))):
                with TableWriter(f"{folder}/{name}.parquet") as writer:
                    for batch in part.to_batches():
                        writer.write(batch)
            model = oddflow.learn(f"{folder}/learnt.parquet", detector="robust-pca", portable=True)
            found = oddflow.detect(f"{folder}/watched.parquet", model=model)
        told = "; ".join(drift.name or str(drift.what) for drift in found.drifts)
        print(f"| {Path(log).parent.name} | {found.flows:,} | {found.alerts:,} | {told} |")


def main() -> None:
    """Learns, and prints both tables."""
    logs = [name for name in sys.argv[1:] if name.endswith(".labeled.gz")]
    others = [name for name in sys.argv[1:] if name not in logs]
    baseline = oddflow.examples() / "office-baseline.pcap.zst"
    model = oddflow.learn(baseline, detector="robust-pca")
    table(model, gather_for(model, baseline).x)
    captures(model, [str(baseline), str(oddflow.examples() / "office-incident.pcap.zst"), *others])
    halves(logs)


if __name__ == "__main__":
    main()
