"""Kills the service at random instants, and looks whether anything that someone saw is lost, or anything is broken.

Each time a service is begun on the same state, captures are put in its folder, and after a while that chance chooses
the whole tree of processes is killed (SIGKILL), or single ones are and then the tree. A reader looks into the store
meanwhile, as the pages do: what it saw must be there ever after. At the end the service is left to itself, and its
alerts must be those that `detect` finds in the same captures, each once.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/kill.py --times 200

Exits with 1 where anything is lost, told twice, unreadable, or other than `detect` has it.
"""

import argparse
import logging
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from pyarrow import parquet

from oddflow import api
from oddflow.bench.steady import SteadyTraffic
from oddflow.errors import OddflowError
from oddflow.outputs.spool import Spool
from oddflow.server import log
from oddflow.server.settings.settings import Settings
from oddflow.server.work.folder import Journal
from oddflow.server.work.supervisor import Supervisor

# frames of this size are odd in the office of the examples, so there are many alerts
TRAFFIC = SteadyTraffic(flows_per_s=60, packets_per_flow=8, mean_bytes=2_000, odd_per_s=3)
SECONDS = 2
LOOK_S = 0.02
PATIENCE_S = 120.0
MOST_WAITING = 4


@dataclass(slots=True)
class Kill:
    """What a state went through.

    Attributes:
        seen: Ids of alerts that the reader saw, with the text of each.
        faults: What should not be, in words.
        killed: How many processes were killed alone, by kind.
        files: How many captures were put in the folder.
    """

    folder: Path
    settings: Settings
    seed: int
    seen: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    files: int = 0
    reached: int = 0
    seq: int = 0

    def once(self, turn: int, *, longest_s: float) -> None:
        """Begins the service, and kills it."""
        rng = random.Random(f"{self.seed} {turn}")  # noqa: S311  (only chooses when)
        self.put_capture()
        pid = begin(self.settings)
        until = time.monotonic() + rng.uniform(0.05, longest_s)
        alone = time.monotonic() + rng.uniform(0.3, longest_s) if rng.random() < 0.5 else float("inf")
        has_put = False
        while time.monotonic() < until:
            self.look()
            if not has_put and rng.random() < 0.1:
                self.put_capture()
                has_put = True
            if time.monotonic() >= alone:
                alone = float("inf")
                if workers := children(pid):
                    one = rng.choice(workers)
                    with suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
                        self.killed["alone"] += 1
            time.sleep(LOOK_S)
        self.look()
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        wait_gone(pid)
        self.killed["tree"] += 1
        self.check()

    def put_capture(self) -> None:
        """One more capture, whole at once, unless some wait: a service that is killed all the time gets little done."""
        if self.files - len(Journal(self.folder / "state", "in").read()) >= MOST_WAITING:
            return
        place = self.folder / "in" / f"{self.files:06d}.pcap"
        part = self.folder / f"{self.files:06d}.part"
        with part.open("wb") as file:
            TRAFFIC.write(file, SECONDS, first_turn=self.files * 10)
        os.utime(part, ns=(10**18 + self.files, 10**18 + self.files))
        part.rename(place)
        self.files += 1

    def look(self) -> None:
        """Reads the store as another process does; what it shows was committed."""
        database = self.folder / "state" / "store.db"
        if not database.exists():
            return
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as opened,
        ):
            rows = opened.execute(
                "SELECT a.id, r.record, a.seq FROM alerts a JOIN alert_records r ON r.alert_id = a.id WHERE a.seq > ?",
                (self.seq,),
            ).fetchall()
            for one, text, seq in rows:
                self.seen[one] = text
                self.seq = max(self.seq, seq)

    def check(self) -> None:
        """After a kill: what was seen is there, and all can be read."""
        state = self.folder / "state"
        database = state / "store.db"
        if database.exists():
            with closing(sqlite3.connect(database, timeout=10)) as opened:
                if (told := opened.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                    self.faults.append(f"the database is broken: {told}")
                with suppress(sqlite3.OperationalError):  # no table yet
                    there = dict(opened.execute("SELECT alert_id, record FROM alert_records"))
                    ids = [one for (one,) in opened.execute("SELECT id FROM alerts")]
                    if lost := set(self.seen) - set(there):
                        self.faults.append(f"{len(lost)} alerts that were seen are gone")
                    if any(there.get(one) != text for one, text in self.seen.items()):
                        self.faults.append("an alert is other than it was seen")
                    if len(ids) != len(set(ids)):
                        self.faults.append("an alert is there twice")
        for path in (state / "flows").rglob("*.parquet"):
            try:
                parquet.read_table(path, columns=["start"])
            except (OSError, ValueError) as error:
                self.faults.append(f"{path.name} cannot be read: {error}")
        for folder in (state / "spool").glob("store-*"):
            try:
                Spool(folder, 256 << 20).close()
            except OddflowError as error:
                self.faults.append(f"{folder.name}: {error}")

    def finish(self) -> set[str]:
        """Leaves the service to itself until all is read and stored, and ends it; the ids of its alerts."""
        until = time.monotonic() + PATIENCE_S
        self._leave_alone()
        while (waiting := self._waiting()) and time.monotonic() < until:  # the end waits only so long for the store
            self._leave_alone()
        if waiting:
            self.faults.append(f"{waiting} alerts or incidents wait for the store after {PATIENCE_S:.0f} s")
        with closing(sqlite3.connect(self.folder / "state" / "store.db")) as opened:
            return {one for (one,) in opened.execute("SELECT id FROM alerts")}

    def _waiting(self) -> int:
        """How much waits on the disk for the store."""
        found = 0
        for folder in (self.folder / "state" / "spool").glob("store-*"):
            with closing(Spool(folder, 256 << 20)) as spool:
                found += spool.waiting
        return found

    def _leave_alone(self) -> None:
        """A service that nobody kills, until it has read all."""
        pid = begin(self.settings)
        answers(self.settings.web.listen)
        journal, until = Journal(self.folder / "state", "in"), time.monotonic() + PATIENCE_S
        while len(journal.read()) < self.files and time.monotonic() < until:
            self.look()
            time.sleep(0.1)
        if len(journal.read()) < self.files:
            self.faults.append(
                f"only {len(journal.read())} of {self.files} captures were read within {PATIENCE_S:.0f} s"
            )
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status):
            self.faults.append(f"the service ended with {os.waitstatus_to_exitcode(status)}")
        self.look()
        self.check()


def begin(settings: Settings) -> int:
    """A service in a process group of its own; the number of its supervisor."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        log.setup(settings.log, "supervisor")
        code = Supervisor(settings, show=lambda _: None).run()
    except BaseException as error:  # noqa: BLE001  (a process of its own)
        logging.getLogger("oddflow").error("%s: %s", type(error).__name__, error)  # noqa: TRY400
    os._exit(code)


def answers(listen: str) -> None:
    """Until the service answers."""
    host, _, port = listen.rpartition(":")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with suppress(OSError), closing(HTTPConnection(host, int(port), timeout=5)) as asked:
            asked.request("GET", "/healthz")
            if asked.getresponse().status == 200:
                return
        time.sleep(0.1)


def children(pid: int) -> list[int]:
    """The processes that another began."""
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def wait_gone(group: int) -> None:
    """Until no process of a group is left."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def expected(model: str, captures: Path) -> set[str]:
    """The ids of the alerts that `detect` finds in captures, one at a time."""
    found: set[str] = set()
    for capture in sorted(captures.iterdir()):
        result = api.detect(str(capture), model=model)
        found |= {alert.id for row in result.rows for alert in row.alerts}
    return found


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def settings_for(folder: Path, model: str) -> Settings:
    """One folder of captures, one receiver."""
    return Settings.model_validate(
        {
            "service": {"state": str(folder / "state"), "user": "root" if os.geteuid() == 0 else "oddflow"},
            "web": {"listen": f"127.0.0.1:{free_port()}"},
            "sources": [{"name": "in", "folder": str(folder / "in"), "model": model}],
            "outputs": [{"to": f"file:{folder / 'told.jsonl'}"}],
            "log": {"level": "error"},
        }
    )


def main() -> int:
    """Kills so often, and tells what came of it."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--times", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--longest", type=float, default=3.0, help="seconds that a service lives at most")
    asked.add_argument("--model", help="a sealed model; one of the example unless given")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="oddflow-kill-") as place:
        folder = Path(place)
        (folder / "in").mkdir()
        model = given.model or str(folder / "model.oddflow")
        if not given.model:
            api.learn(api.examples() / "office-baseline.pcap.zst", output=model, detector="robust-pca")
        kill = Kill(folder, settings_for(folder, model), given.seed)
        begun = time.monotonic()
        for turn in range(given.times):
            kill.once(turn, longest_s=given.longest)
            if turn % 10 == 9 or kill.faults:
                print(f"{turn + 1} kills, {len(kill.seen):,} alerts seen, {kill.files} captures", flush=True)
            if kill.faults:
                break
        ids = kill.finish()
        wanted = expected(model, folder / "in")
        if missing := wanted - ids:
            kill.faults.append(f"{len(missing)} alerts that detect finds are missing")
        if more := ids - wanted:
            kill.faults.append(f"{len(more)} alerts are there that detect does not find")
        for fault in kill.faults:
            print(f"FAULT: {fault}")
        print(
            f"{kill.killed['tree']} kills of the whole tree, {kill.killed['alone']} of single processes, in "
            f"{time.monotonic() - begun:.0f} s: {len(kill.seen):,} alerts seen, {len(ids):,} stored, {len(wanted):,} "
            f"expected, {len(kill.faults)} faults"
        )
    return 1 if kill.faults else 0


if __name__ == "__main__":
    sys.exit(main())
