"""Fuzzes at length: mutated packets compiled, then coverage-guided uncompiled, whose corpus is replayed compiled.

    make fuzz
    python -m tests.fuzz --packets 1000000 --seconds 120 --seed 1

Exits with 1 where anything failed; what it takes to see it again is then in the folder given with --out.
"""

import argparse
import faulthandler
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz.chunks import CHUNK, HANG_S, chunk, prepare
from tests.fuzz.inputs import run


def mutated(count, seed, out):
    """Sends mutated packets down the compiled road; the number of chunks that failed."""
    begun, wrong, losses, metered = time.monotonic(), 0, Counter(), 0
    with ProcessPoolExecutor(initializer=prepare, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(chunk, seed, number, out) for number in range(-(-count // CHUNK))]
        try:
            for task in asked:
                ledger, why = task.result()
                metered += ledger.metered
                for reason, lost in ledger.reasons.items():
                    losses[reason.partition(":")[0]] += lost
                wrong += bool(why)
                print(why, end="\n" if why else "", flush=True)
        except BrokenProcessPool:
            print(f"a process crashed or hung: its input is a running-*.pcapng in {out}")
            return 1
    total = metered + losses.total()
    print(
        f"{total:,} mutated packets = {metered:,} metered + {losses.total():,} lost, {time.monotonic() - begun:.0f} s"
    )
    print("\n".join(f"  {lost:10,}  {reason}" for reason, lost in losses.most_common()))
    return wrong


def covered(seconds, out):
    """Lets atheris search for a time; 1 where it found something."""
    corpus = out / "corpus"
    if find_spec("atheris") is None:
        print("atheris is absent, so nothing was guided by coverage: pip install atheris==3.0.0")
        return 0
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=60",
        "-print_final_stats=1",
        f"-artifact_prefix={out}/",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.cover", str(corpus), *options], capture_output=True, text=True, check=False
    )
    said = done.stderr.splitlines()
    print(
        "\n".join(line for line in said if line.startswith(("stat::number", "stat::new", "Done")) or " cov: " in line)[
            -600:
        ]
    )
    if done.returncode:
        print(done.stdout[-4000:], "\n".join(said[-40:]))
    return int(done.returncode != 0)


def replayed(out):
    """Runs the corpus compiled; the number of inputs that failed."""
    wrong = 0
    paths = sorted((out / "corpus").glob("*"))
    faulthandler.dump_traceback_later(20 * HANG_S, exit=True)
    for path in paths:
        try:
            run(path.read_bytes())
        except Exception as error:  # noqa: BLE001  (whatever is raised is what is looked for)
            print(f"{path}: {type(error).__name__}: {error}")
            wrong += 1
    faulthandler.cancel_dump_traceback_later()
    print(f"{len(paths):,} inputs of the corpus replayed compiled, {wrong} failed")
    return wrong


def main():
    """Runs all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=120, help="for the search by coverage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    wrong = mutated(asked.packets, asked.seed, asked.out) + covered(asked.seconds, asked.out) + replayed(asked.out)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
