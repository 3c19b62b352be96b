import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import sandbox

MAKE = Path(__file__).parents[2] / "lab" / "make.py"
KINDS = {"port scan", "password guessing", "slow http", "dns tunnel"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    reason = sandbox.why_not()
    if reason:
        pytest.skip(reason)
    out = tmp_path_factory.mktemp("lab")
    command = [
        sys.executable,
        "-B",
        MAKE,
        "--seed",
        "5",
        "--seconds",
        "45",
        "--out",
        "made",
    ]  # relative, as `make lab` says it
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "made"


@pytest.mark.slow
def test_all_attacks_are_in_the_truth(made):
    with (made / "office-incident.truth.csv").open(newline="") as file:
        counts = Counter(row["what"] for row in csv.DictReader(file))
    assert set(counts) == KINDS
    assert counts["port scan"] >= 900


@pytest.mark.slow
def test_no_packets_were_dropped_and_nothing_else_is_left(made):
    facts = json.loads((made / "office.json").read_text())
    assert all(capture["dropped"] == 0 for capture in facts["captures"].values())
    assert sorted(file.name for file in made.iterdir()) == sorted([*facts["sha256"], "office.json"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
@pytest.mark.parametrize("period", ["baseline", "incident"])
def test_tshark_reads_every_packet(made, period, tmp_path):
    raw = tmp_path / "raw.pcap"
    subprocess.run(["zstd", "-qd", made / f"office-{period}.pcap.zst", "-o", raw], check=True)
    command = ["tshark", "-r", raw, "-T", "fields", "-e", "frame.number"]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    facts = json.loads((made / "office.json").read_text())
    assert len(seen) == facts["captures"][period]["packets"]


def test_without_root_it_says_so_and_is_skipped(tmp_path):
    if not shutil.which("setpriv") or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux with setpriv")
    drop = ["setpriv", "--reuid", "65534", "--clear-groups"] if sandbox.os.geteuid() == 0 else []
    code = "import sys; sys.argv = ['make.py', '--out', 'x']; import make; sys.exit(make.main())"
    done = subprocess.run(
        [*drop, sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(MAKE.parent)!r}); {code}"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    if "Permission denied" in done.stderr:
        pytest.skip("an unprivileged user cannot read this folder")
    assert done.returncode == 77
    assert "root" in done.stderr
