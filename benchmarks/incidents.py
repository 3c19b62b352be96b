"""Walks from the example capture to its incidents, and counts them over captures of the lab.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/incidents.py                                  # the walk
    … benchmarks/incidents.py --lab out/lab-7 out/lab-8 out/lab-2 examples out/lab-12 --write   # and the table

A folder of the lab is made by `make lab SEED=n`; the first ones given are those that the rules were developed on.
`--write` puts both into docs/incidents.md, between `<!-- walk -->`, `<!-- table -->` and their ends.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from oddflow import api

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "incidents.md"
COMMAND = [sys.executable, "-c", "from oddflow.cli.main import main; main()"]
WIDTH = "116"
DETECTORS = ("autoencoder", "robust-pca")
HEAD = ("capture", "detector", "attacks found", "incidents", "false", "split", "merged", "false flows")


def walk() -> str:
    """What the commands of the walk print, as a block of the page."""
    shown = ["oddflow learn examples/office-baseline.pcap.zst -o out/office.oddflow"]
    shown.append(
        "oddflow detect examples/office-incident.pcap.zst -m out/office.oddflow "
        "--truth examples/office-incident.truth.csv -o out/alerts.jsonl --report out/report.html"
    )
    (ROOT / "out").mkdir(exist_ok=True)
    parts = []
    for line in shown:
        done = subprocess.run(
            [*COMMAND, *line.split()[1:]], cwd=ROOT, env=os.environ | {"COLUMNS": WIDTH}, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, check=True,
        )  # fmt: skip
        parts.append(f"$ {line}\n" + "\n".join(row.rstrip() for row in done.stdout.splitlines()).strip("\n"))
    return "```console\n" + "\n\n".join(part.strip() for part in parts) + "\n```"


def counted(folder: Path, detector: str) -> tuple[str, ...]:
    """One capture of the lab as a row: its own baseline is learnt."""
    facts = json.loads((folder / "office.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "x.oddflow"
        api.learn(folder / "office-baseline.pcap.zst", output=model, detector=detector)
        found = api.detect(folder / "office-incident.pcap.zst", model=model, truth=folder / "office-incident.truth.csv")
    truth = found.truth
    assert truth is not None  # noqa: S101  (it was given)
    assert truth.incidents is not None  # noqa: S101
    joined = truth.incidents
    attacks = sum(bool(each) for each in joined.of_attack.values())
    return (
        f"seed {facts['seed']}", detector, f"{attacks} of {len(joined.of_attack)}", str(len(found.incidents)),
        str(joined.false), str(joined.split), str(joined.merged), str(truth.false_alerts),
    )  # fmt: skip


def table(folders: list[Path]) -> str:
    """All captures and detectors, a row each."""
    rows = [HEAD, *(counted(folder, detector) for folder in folders for detector in DETECTORS)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|" + "---:|" * (len(HEAD) - 2), *lines[1:]])


def between(page: str, mark: str, text: str) -> str:
    """The page with this text between the marks."""
    form = re.compile(rf"(<!-- {mark} -->\n).*?(\n<!-- /{mark} -->)", re.DOTALL)
    return form.sub(lambda found: found[1] + text + found[2], page)


def main() -> None:
    """Prints the walk and the table; writes them if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lab", type=Path, nargs="*", default=[], help="folders that the lab made")
    parser.add_argument("--write", action="store_true", help=f"put them into {PAGE.name}")
    given = parser.parse_args()
    parts = {"walk": walk()} | ({"table": table(given.lab)} if given.lab else {})
    for mark, text in parts.items():
        print(text)
        if given.write:
            PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), mark, text), encoding="utf-8")


if __name__ == "__main__":
    main()
