"""Portable models against the same incident told in several ways: by the capture, as a poor table, by an exporter.

    python benchmarks/one_model.py      prints a table; needs softflowd

Learnt on examples/office-baseline.pcap.zst, or on what softflowd exports of it to our collector; looked for in
examples/office-incident.pcap.zst, told in the same ways. softflowd, where it reads a file, cuts no flow by silence: all
that two ends exchange by ICMP or from the same ports is one record, which the meter never makes.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

import oddflow
from oddflow.capture.stream import plain_bytes
from oddflow.features.portable import NEEDED
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel

COMMAND = [sys.executable, "-m", "oddflow.cli.main"]
EXPORTS = {"NetFlow v5 (no IPv6)": ["-v", "5"], "NetFlow v9": ["-v", "9"], "IPFIX": ["-v", "10"]}
ENDS = ["src_ip", "dst_ip", "src_port", "dst_port", "protocol", "ip_version", "icmp_type"]
SHARED_BY_ALL = ["start", "end", *ENDS, *NEEDED]
ATTACKS = ("port scan", "password guessing", "dns tunnel", "slow http")
SETTLE_S = 20
"""The collector waits 15 s for the other half of a flow."""


def free_port() -> int:
    """A UDP port of loopback that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def plain_capture(packed: Path, folder: Path) -> Path:
    """The capture as a plain file: softflowd reads no compressed one."""
    path = folder / packed.stem
    with plain_bytes(str(packed), Ledger()) as (_, stream), path.open("wb") as file:
        while piece := stream.read(1 << 20):
            file.write(piece)
    return path


def exported(capture: Path, options: list[str]) -> Path:
    """What softflowd tells our collector of a capture, as a table."""
    table, port = capture.with_suffix(f".{options[1]}.parquet"), free_port()
    words = ["flows", "--netflow", f"127.0.0.1:{port}", "-o", str(table), "--duration", "300", "--interval", "0"]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as process:
        while process.stderr and "listening on" not in process.stderr.readline():
            pass
        softflowd = shutil.which("softflowd") or "/usr/sbin/softflowd"
        told = ["-r", str(capture), "-n", f"127.0.0.1:{port}", "-d", "-c", "none", "-m", "200000"]
        told += ["-p", str(capture.with_suffix(".pid")), *options]
        subprocess.run([softflowd, *told], check=True, timeout=120, capture_output=True)
        time.sleep(SETTLE_S)
        process.send_signal(2)
        process.communicate()
    return table


def poor_table(capture: Path) -> Path:
    """The capture's flows with no column but those that all sources share."""
    table = capture.with_suffix(".csv")
    pa_csv.write_csv(pa.Table.from_batches(oddflow.flows(capture)).select(SHARED_BY_ALL), table)
    return table


def row(told: str, learnt_on: str, model: SealedModel, source: Path, truth: Path) -> str:
    """One line of the table."""
    found = oddflow.detect(source, model=model, truth=truth)
    best = {attack.what: attack.best_rank for attack in found.truth.attacks} if found.truth else {}
    ranks = " | ".join(str(best.get(attack) or "–") for attack in ATTACKS)
    false = f"{found.truth.false_alerts} of {found.truth.benign_flows:,}" if found.truth else "–"
    return f"| {told} | {learnt_on} | {found.flows:,} | {ranks} | {false} | {found.ledger.lost_total} |"


def main() -> None:
    """Learns, exports, detects, prints."""
    examples = oddflow.examples()
    truth = examples / "office-incident.truth.csv"
    print(
        f"| the incident as | learnt on | flows | {' | '.join(f'{attack}: row' for attack in ATTACKS)} | false | lost |"
    )
    print("|---|---|---|" + "---|" * (len(ATTACKS) + 2))
    with tempfile.TemporaryDirectory() as name:
        baseline, incident = (
            plain_capture(examples / f"office-{part}.pcap.zst", Path(name)) for part in ("baseline", "incident")
        )
        model = oddflow.learn(baseline, portable=True)
        for told, source in {"capture": incident, "CSV of what all share": poor_table(incident)}.items():
            print(row(told, "capture", model, source, truth), flush=True)
        for told, options in EXPORTS.items():
            table = exported(incident, options)
            print(row(told, "capture", model, table, truth), flush=True)
            own = oddflow.learn(exported(baseline, options), portable=True)
            print(row(told, "the same", own, table, truth), flush=True)


if __name__ == "__main__":
    main()
