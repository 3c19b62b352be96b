"""Makes two captures of a small office, one benign and one with four labelled attacks.

For example: `sudo python3 lab/make.py --seed 1 --seconds 720 --out examples`.
"""

import argparse
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sandbox

INTERRUPTED, CANNOT_RUN = 130, 77  # what test harnesses take as "skipped"
SPARE_S = 150
TOLD_EVERY_S = 30
PERIODS = ("baseline", "incident")
PACKAGES = [
    *("nmap", "hydra", "slowhttptest", "iodine", "nginx", "dnsmasq-base"),
    *("openssh-server", "curl", "tcpdump", "bind9-dnsutils"),
]


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="decides who does what when (default 1)")
    parser.add_argument("--seconds", type=int, default=720, help="length of each capture (default 720)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the captures")
    asked = parser.parse_args()
    if asked.seconds < 45:
        parser.error(f"--seconds must be at least 45, so that four attacks fit in; {asked.seconds} given")
    asked.out = asked.out.resolve()  # a recorder works in a folder of its own
    return asked


def main() -> int:
    """Checks that the lab can run here, runs it, and gives the exit code."""
    asked = arguments()
    reason = sandbox.why_not()
    if reason:
        print(reason, file=sys.stderr)
        return CANNOT_RUN
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))
    try:
        return make(asked)
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return INTERRUPTED


def start(asked: argparse.Namespace, period: str, staging: Path) -> subprocess.Popen[bytes]:
    """Starts recording one period in a sandbox of its own."""
    order = staging / f"order-{period}.json"
    order.write_text(
        json.dumps({"seed": asked.seed, "seconds": asked.seconds, "period": period, "folder": str(staging)}),
    )
    script = str(Path(__file__).resolve().with_name("record.py"))
    return subprocess.Popen(sandbox.wrapped([sys.executable, script, str(order)], asked.seconds + SPARE_S))


def wait(recorders: dict[str, subprocess.Popen[bytes]], seconds: int) -> None:
    """Waits for all recorders and tells a person how long it still takes."""
    end, told = time.monotonic() + seconds + 30, 0.0
    while any(recorder.poll() is None for recorder in recorders.values()):
        if any(recorder.returncode for recorder in recorders.values()):
            break
        if time.monotonic() - told > TOLD_EVERY_S:
            told = time.monotonic()
            print(f"about {max(0, round(end - told))} s left", flush=True)
        time.sleep(0.5)
    failed = [period for period, recorder in recorders.items() if recorder.returncode]
    if failed:
        raise SystemExit(f"Recording failed for: {', '.join(failed)}; see the messages above.")


def versions() -> dict[str, str]:
    """Versions of the tools' packages, as far as the system knows them."""
    if not shutil.which("dpkg-query"):
        return {}
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def manifest(asked: argparse.Namespace, staging: Path) -> dict[str, Any]:
    """What was made, by what, with hashes: the same seed gives the same actions, not the same bytes."""
    made = sorted([*staging.glob("*.zst"), *staging.glob("*.csv")])
    captures = {period: json.loads((staging / f"office-{period}.json").read_text()) for period in PERIODS}
    return {
        "seed": asked.seed,
        "seconds": asked.seconds,
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in made},
        "captures": captures,
        "tools": versions(),
    }


def summary(facts: dict[str, Any]) -> bool:
    """Prints what was made; False where tcpdump lost packets."""
    for period, capture in facts["captures"].items():
        print(
            f"{period}: {capture['packets']:,} packets, {capture['flows']:,} TCP and UDP flows, "
            f"{capture['bytes']:,} bytes, {capture['dropped']} dropped",
        )
    for kind, count in facts["captures"]["incident"]["attack_flows"].items():
        print(f"  {kind}: {count:,} flows")
    return not any(capture["dropped"] for capture in facts["captures"].values())


def make(asked: argparse.Namespace) -> int:
    """Records both periods side by side; files appear under their names only once all is well."""
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.out, prefix=".making-") as folder:
        staging = Path(folder)
        recorders = {period: start(asked, period, staging) for period in PERIODS}
        try:
            wait(recorders, asked.seconds)
        finally:
            for recorder in recorders.values():
                recorder.kill()  # its sandbox goes with it
                recorder.wait()
        facts = manifest(asked, staging)
        (staging / "office.json").write_text(json.dumps(facts, indent=2) + "\n")
        for name in [*facts["sha256"], "office.json"]:
            (staging / name).replace(asked.out / name)
    return 0 if summary(facts) else 1


if __name__ == "__main__":
    sys.exit(main())
