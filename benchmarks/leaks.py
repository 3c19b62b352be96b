"""What the leak checks find on the data sets that are here, as a table: `python benchmarks/leaks.py FOLDER`."""

import sys
import time

from oddflow import datasets
from oddflow.datasets import registry
from oddflow.datasets.leaks import Finding, check_leaks
from oddflow.datasets.place import folder, presence
from oddflow.datasets.rows import LabelledRows
from oddflow.datasets.splits import splits, usual
from oddflow.errors import OddflowError

COLUMNS = ("repeats across", "near repeats", "single features", "labels by address", "order in time")


def figure(finding: Finding) -> str:
    """The figure that a check goes by, in a cell."""
    figures = finding.figures
    if finding.severity.value == "not checked":
        return ""
    by_address = max((figures.get(f"{end}_balanced", 0.0) for end in ("src_ip", "dst_ip")), default=0.0)
    told = {
        "repeats across": f"{100 * figures.get('share', 0):.1f} %",
        "near repeats": f"{100 * figures.get('share', 0):.0f} %",
        "single features": f"{figures.get('best')} {figures.get('balanced_accuracy', 0):.2f}",
        "labels by address": f"{by_address:.2f}",
        "order in time": f"{100 * figures.get('test_before_train_ends', 0):.0f} %",
    }
    mark = {"severe": "**", "warning": "*"}.get(finding.severity.value, "")
    return f"{mark}{told[finding.check]}{mark}"


def rows_for(rows: LabelledRows) -> None:
    """The usual split and a stratified one, a line each."""
    for split in {split.name: split for split in (usual(rows), splits(rows, "stratified")[0])}.values():
        started = time.process_time()
        found = {finding.check: finding for finding in check_leaks(rows, split)}
        took = time.process_time() - started
        cells = [figure(found[name]) for name in COLUMNS]
        print(f"| {rows.name} | {split.name} | {len(rows):,} | {' | '.join(cells)} | {took:.1f} |")


def main() -> None:
    """All sets that are here and have both normal rows and attacks."""
    data = folder(sys.argv[1] if len(sys.argv) > 1 else None)
    print(f"| set | split | rows | {' | '.join(COLUMNS)} | CPU, s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for known in registry.known().values():
        if not known.available or presence(known, data) == "absent":
            continue
        try:
            rows = datasets.load(known.name, data)
            if 0 < rows.is_attack.sum() < len(rows):
                rows_for(rows)
        except OddflowError as error:
            print(f"{known.name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
