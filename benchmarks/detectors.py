"""Learns each detector on a real data set and tests it, beside the isolation forest: the figures of docs/detectors/.

Which set it is depends on what the detector reads: NSL-KDD for features, USTC-TFC2016 for images, Modbus captures for
all else. Supervised detectors learn the attacks among the rows to learn from too, all others the normal rows alone.
Each is sealed and scores as `oddflow detect` does. Times are processor times of this machine.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/detectors.py --data ../shared/data
    … benchmarks/detectors.py --data ../shared/data autoencoder pyod:ECOD
    … benchmarks/detectors.py --data ../shared/data --write

`--write` puts what it prints into the pages, between `<!-- figure -->` and `<!-- /figure -->`.
"""

import argparse
import re
import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from oddflow.datasets.loading import load_labelled
from oddflow.datasets.place import folder
from oddflow.datasets.rows import Label, LabelledRows, Split
from oddflow.datasets.splits import splits
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.evaluation.comparing import Result, compare, thinned
from oddflow.evaluation.rows import of_data_set
from oddflow.features.representation import Reads
from oddflow.schema import AttackCategory

PAGES = Path(__file__).parents[1] / "docs" / "detectors"
BESIDE = "isolation-forest"
TUNNEL_CAPTURES = {
    "dns-tunnel-iodine.pcap", "dns2tcp_tunnel.pcap", "dns-exf.pcap", "dns_exfiltration.pcap", "bad-dns-traffic.pcap"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What detectors of one kind of input are tested on.

    Attributes:
        name: The data set.
        title: Its heading.
        split: How it is split.
        test_share: Of rows that are tested on, where the split leaves that open.
        said: What a reader must know of it.
        most: Rows of each kind to learn from: all detectors together take minutes, not hours.
    """

    name: str
    title: str
    split: str
    test_share: float
    said: str
    most: int = 10_000


FEATURES = Problem(
    "nsl-kdd",
    "NSL-KDD",
    "official",
    0.3,
    "Learnt on KDDTrain+ and tested on KDDTest+, which holds attacks that the training part does not",
)
IMAGES = Problem(
    "ustc-tfc2016",
    "USTC-TFC2016",
    "stratified",
    0.3,
    "First bytes of sessions as images, malware's being the attacks; repeated images are left out. Only the images "
    "that its authors tested on are to be had, so those are split at random, 7 to 3: each family of malware stands on "
    "both sides",
)
PACKETS = Problem(
    "modbus",
    "Modbus",
    "stratified",
    0.5,
    "Flows of three captures of a control network (Lemay & Fernandez 2016), an attack where one of its packets is one; "
    "split at random in halves. Attacks are so few that the intervals are wide",
)
SINGLE = Problem(
    "modbus",
    "Modbus, packet by packet",
    "time",
    0.5,
    "Packets of three captures of a control network (Lemay & Fernandez 2016), each an attack where its own label says "
    "so; learnt from what came first",
)
HOSTS = Problem(
    "stratosphere-zeek",
    "Stratosphere",
    "capture",
    0.45,
    "Flows of Zeek logs of three real captures with outside attackers (Stratosphere laboratory), split by capture",
    500,
)
FLOODS = Problem(
    "iot-23",
    "IoT-23",
    "time",
    0.5,
    "Flows of the Zeek log of a device that Mirai has taken over (capture 34-1), which floods others; learnt from what "
    "came first",
)
TUNNELS = Problem(
    "names",
    "DNS tunnels of nDPI",
    "capture",
    0.3,
    "Flows with a name in nDPI's test captures: tunnels and leaks by DNS (five captures) against all others, split by "
    "capture",
)
PROBLEMS = {
    Reads.TABULAR: FEATURES,
    Reads.IMAGE: IMAGES,
    Reads.PACKETS: SINGLE,
    Reads.MATRIX: HOSTS,
    Reads.RATES: FLOODS,
    Reads.NAMES: TUNNELS,
}
"""By what a detector reads; all else is tested on flows of captures."""


@cache
def problem_of(reads: Reads, data: str | None, seed: int) -> tuple[LabelledRows, Split]:
    """The rows, and those that are learnt from and tested on."""
    problem = PROBLEMS.get(reads, PACKETS)
    rows = tunnels(data) if problem is TUNNELS else of_data_set(problem.name, data, reads)
    split = splits(rows, problem.split, test_share=problem.test_share, seed=seed)[0]
    return rows, thinned(split, rows, problem.most, seed=seed)


def tunnels(data: str | None) -> LabelledRows:
    """Names in nDPI's captures; what a capture holds is told by its own name."""
    captures = sorted(str(path) for path in (folder(data) / "captures" / "ndpi").glob("*.pcap*"))
    odd = [path for path in captures if Path(path).name in TUNNEL_CAPTURES]
    parts = [load_labelled([path for path in captures if path not in odd], reads=Reads.NAMES)]
    parts.append(load_labelled(odd, reads=Reads.NAMES))
    x = np.concatenate([part.x for part in parts])
    y = np.repeat(np.array([0, 1], np.int16), [len(part) for part in parts])
    capture = np.concatenate([parts[0].capture, parts[1].capture + len(parts[0].captures)])
    named = x.any(axis=1)
    return LabelledRows(
        name="names",
        x=x[named],
        features=parts[0].features,
        labels=(Label("other", AttackCategory.NORMAL), Label("tunnel", AttackCategory.TUNNEL)),
        y=y[named],
        captures=parts[0].captures + parts[1].captures,
        capture=capture[named],
    )


@cache
def result_of(text: str, reads: Reads, data: str | None, seed: int) -> Result:
    """What a detector finds among the rows for detectors that read so."""
    return compare(text, *problem_of(reads, data, seed), seed=seed)


def said_of(reads: Reads, data: str | None, seed: int) -> str:
    """What a table's figures are of."""
    rows, split = problem_of(reads, data, seed)
    learnt, tested = rows.is_attack[split.train], rows.is_attack[split.test]
    text = (
        f"{PROBLEMS.get(reads, PACKETS).said}. Learnt from {(~learnt).sum():,} normal rows (with labels, from "
        f"{learnt.sum():,} attacks too); tested on {(~tested).sum():,} normal rows and {tested.sum():,} attacks, drawn "
        f"by seed {seed}; seed {seed} for the detectors, all options as they are. In brackets, where 95 of 100 samples "
        "of such rows lie (bootstrap). By chance, AUC is 0.5 and average precision "
        f"{tested.mean():.{2 if tested.mean() > 0.05 else 4}f}."
    )
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


SHORT = "| detector | learns from | AUC | average precision |\n|---|---|---|---|"
LONG = (
    "| detector | learns from | AUC | average precision | learning | scoring | sealed |\n|---|---|---|---|---|---|---|"
)


def joined(row: list[str]) -> str:
    """A row as Markdown."""
    return f"| {' | '.join(row)} |"


def write_page(name: str, result: Result, beside: Result, said: str, title: str) -> None:
    """Puts a detector's figure into its page."""
    page = PAGES / f"{name}.md"
    shown = [beside] if name == BESIDE else [beside, result]
    table = "\n".join([SHORT, *(joined(one.cells()[:4]) for one in shown)])
    command = f"`python benchmarks/detectors.py {name}` prints it; [all detectors](index.md#figures)."
    text = f"## On {title}\n\n{said}\n\n{table}\n\n{command}"
    page.write_text(between(page.read_text(encoding="utf-8"), "figure", text), encoding="utf-8")


def write_index(reads: Reads, rows: list[list[str]], said: str, title: str) -> None:
    """Puts rows into the table of all detectors that read so; other rows of it stay."""
    page, mark = PAGES / "index.md", f"figures {reads}"
    text = page.read_text(encoding="utf-8")
    known = {line.split(" | ")[0]: line for line in held(text, mark).splitlines() if line.startswith("| ")}
    known |= {line.split(" | ")[0]: line for line in map(joined, rows)}
    known.pop("| detector", None)
    table = "\n".join([LONG, *(known[first] for first in sorted(known))])
    page.write_text(between(text, mark, f"### {title}\n\n{said}\n\n{table}"), encoding="utf-8")


def held(text: str, mark: str) -> str:
    """What stands between two marks; nothing where there are none."""
    found = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", text, re.DOTALL)
    return found[1] if found else ""


def between(text: str, mark: str, new: str) -> str:
    """The text with something else between two marks, which are put at its end if it has none."""
    begin, end = f"<!-- {mark} -->\n", f"\n<!-- /{mark} -->"
    if begin not in text:
        return f"{text.rstrip()}\n\n{begin}{new}{end}\n"
    before, rest = text.split(begin, 1)
    return before + begin + new + end + rest.split(end, 1)[1]


def main() -> None:
    """Prints the tables; names that are not given are all that are installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=None, help="the folder of all data sets; ODDFLOW_DATA unless given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*", help="a name, or with options: autoencoder:epochs=20, pyod:ECOD")
    given = parser.parse_args()
    wanted = given.names or [name for name in registry.names() if registry.installed(name)]
    try:
        by_reads: dict[Reads, list[str]] = {}
        for text in wanted:
            by_reads.setdefault(registry.find(registry.told(text)[0]).reads, []).append(text)
        for reads, texts in by_reads.items():
            show(reads, texts, given)
    except OddflowError as error:
        sys.exit(str(error))


def show(reads: Reads, texts: list[str], given: argparse.Namespace) -> None:
    """Prints the table of the detectors that read so, and writes it if that is asked for."""
    title, said = PROBLEMS.get(reads, PACKETS).title, said_of(reads, given.data, given.seed)
    print(f"\n### {title}\n\n{said}\n\n{LONG}", flush=True)
    lines = []
    for text in dict.fromkeys([BESIDE, *texts]):
        result = result_of(text, reads, given.data, given.seed)
        lines.append(result.cells())
        print(joined(lines[-1]), flush=True)
        if given.write and (PAGES / f"{text}.md").exists() and registry.find(text).reads is reads:
            beside = result_of(BESIDE, reads, given.data, given.seed)
            write_page(text, result, beside, said, title)
    if given.write:
        write_index(reads, lines, said, title)


if __name__ == "__main__":
    main()
