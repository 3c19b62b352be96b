"""What windows and rates add: prints the tables of docs/windows.md.

Detectors learn from the office's quiet day and score its incident; a figure is the AUC of an attack's flows against all
benign ones. With --data also those of a SYN flood (CIC-DDoS2019) against the benign flows around it, learnt from the
same quiet office. The speed is that of the columns alone, in CPU time of one core.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/windows.py --data ../shared/data
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import oddflow
from oddflow import baselines
from oddflow.datasets.truth import GroundTruth
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.features.full import FULL
from oddflow.features.ordering import in_end_order
from oddflow.features.rates import Rates
from oddflow.features.scored import scored
from oddflow.features.versions import represented
from oddflow.features.windows import Windows
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.learning.learn import Split, splits

RUNS: tuple[tuple[str, bool, dict[str, object]], ...] = (
    ("isolation-forest", False, {}),
    ("isolation-forest", True, {}),
    ("robust-pca", False, {}),
    ("robust-pca", True, {}),
    ("autoencoder", False, {}),
    ("autoencoder", True, {}),
    ("entropy", False, {}),
    ("entropy", True, {}),
    ("entropy", True, {"of": "windows"}),
    ("traffic-rate", False, {"view": "fft"}),
    ("traffic-rate", False, {"view": "wavelet"}),
    ("traffic-rate", False, {"view": "cusum"}),
)
FLOODER = "172.16.0.5"


def area(odd: NDArray[np.float32], normal: NDArray[np.float32]) -> float:
    """How often an odd flow scores above a normal one; a tie counts half."""
    normal = np.sort(normal)
    below = np.searchsorted(normal, odd, "left") + np.searchsorted(normal, odd, "right")
    return float(below.mean() / 2 / len(normal))


def flows_of(capture: Path) -> list[pa.RecordBatch]:
    """The flows of a capture that are scored, in end order."""
    return list(in_end_order(scored(oddflow.flows(capture)), wait_s=MeterSettings().longest_wait_s))


def areas(
    name: str, windows: bool, options: dict[str, object], tests: list[tuple[list[pa.RecordBatch], NDArray[np.object_]]]
) -> list[str]:
    """The AUC of each attack of each test, "" being benign."""
    gathered = baselines.gather(oddflow.examples() / "office-baseline.pcap.zst", windows=windows, detector=name)
    last: Split = splits(gathered)[-1]
    whole = Split.of(np.concatenate([last.known, last.held_back]), last.held_back[:0])
    detector = whole.teach(registry.create(name, gathered.features, **options))
    found = []
    for batches, attacks in tests:
        representation = represented(
            gathered.version, homes=gathered.home_networks, context=gathered.context, payload=Payload.SESSION
        )
        scores = detector.decision_function(np.concatenate([representation.rows(batch) for batch in batches]))
        found += [area(scores[attacks == one], scores[attacks == ""]) for one in sorted({*attacks} - {""})]
    return [f"{each:.3f}" for each in found]


def speed(rows: Callable[[pa.RecordBatch], object], batches: list[pa.RecordBatch], forget: Callable[[], None]) -> float:
    """Flows a second, the best of three."""
    count, best = sum(batch.num_rows for batch in batches), 0.0
    for _ in range(3):
        forget()
        began = process_time()
        for batch in batches:
            rows(batch)
        best = max(best, count / (process_time() - began))
    return best


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None)
    given = parser.parse_args()
    try:
        incident = flows_of(oddflow.examples() / "office-incident.pcap.zst")
        truth = GroundTruth.read(str(oddflow.examples() / "office-incident.truth.csv"))
        tests = [(incident, np.array([name for batch in incident for name in truth.attacks(batch)], object))]
        if given.data is not None:
            flood = flows_of(given.data / "cic-ddos2019" / "benign-syn.pcap")
            sources = [source for batch in flood for source in batch.column("src_ip").to_pylist()]
            tests.append((flood, np.array(["syn flood" if one == FLOODER else "" for one in sources], object)))
        named = [name for _, attacks in tests for name in sorted({*attacks} - {""})]
        print(f"| detector | learns from | {' | '.join(named)} |\n|{'---|' * (len(named) + 2)}")
        for name, windows, options in RUNS:
            told = ", ".join(f"`{key}={value}`" for key, value in options.items())
            reads = "`--windows`" if windows else registry.find(name).reads.value
            print(
                f"| {' | '.join([f'{name} {told}'.strip(), reads, *areas(name, windows, options, tests)])} |",
                flush=True,
            )
        kept, rates = Windows(), Rates()
        for what, rows, forget in (
            ("windows", lambda batch: kept.add(batch, *FULL.exchanged(batch)), kept.reset),
            ("rates", rates.rows, rates.begin),
        ):
            print(f"{what}: {speed(rows, incident, forget):,.0f} flows/s")
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
