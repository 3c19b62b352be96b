"""One host's people and programs, as independent seeded actors: `people.py HOST PLAN.json`.

Runs inside that host's network namespace. Every actor is a thread with its own random numbers, so
that what one does never changes what another does.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import background
import browsing
import logins
import office
from plan import Attack

MARGIN_S = 2.0
CHILD_LIMIT_S = 90.0


@dataclass
class Actor:
    """Someone (or something) on a host who runs errands until the capture ends."""

    host: str
    rng: random.Random
    begin: float
    seconds: float
    holds: list[Attack]
    pace: float = 1.0
    environment: dict[str, str] = field(default_factory=dict)

    def left_s(self) -> float:
        """Seconds until the capture ends."""
        return self.begin + self.seconds - time.time()

    def rest(self, seconds: float) -> None:
        """Waits, but not beyond the end."""
        time.sleep(max(0.0, min(seconds, self.left_s())))

    def think(self, median_s: float, spread: float = 1.0) -> None:
        """Waits as people do: mostly briefly, at times for long (log-normal)."""
        self.rest(self.pace * self.rng.lognormvariate(0, spread) * median_s)

    def may_reach(self, victim: office.Host, port: int) -> bool:
        """Whether a connection to that service would blur no truth row."""
        now = time.time() - self.begin
        return not any(
            (hold.victim, hold.port) == (victim.name, port) and hold.start_s - MARGIN_S < now < hold.end_s + MARGIN_S
            for hold in self.holds
        )

    def run(self, *command: str, limit_s: float = CHILD_LIMIT_S, **environment: str) -> int:
        """Runs a command, for limit_s and until the capture's end at most."""
        limit = max(0.1, min(limit_s, self.left_s()))
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.environment | environment,
                timeout=limit,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return 124
        return done.returncode


def live(actor: Actor, errand: Callable[[Actor], None], median_s: float) -> None:
    """Repeats an errand with pauses until the capture ends."""
    actor.rest(actor.begin - time.time() + actor.rng.uniform(0, min(2 * median_s, actor.seconds / 4)))
    while actor.left_s() > 1:
        with suppress(OSError):  # a connection that a server closed; people try again later, too
            errand(actor)
        actor.think(median_s)


def routine(host: str) -> list[tuple[Callable[[Actor], None], float]]:
    """What a host does, each with the median pause in seconds."""
    if host == office.MONITOR.name:
        return [(background.watch_over, 0.0)]
    developer = host in office.DEVELOPERS
    tasks: list[tuple[Callable[[Actor], None], float]] = [
        (browsing.surf, 75.0),
        (browsing.read_intranet, 55.0),
        (background.look_up, 34.0),
        (logins.shell, 90.0 if developer else 200.0),
        (logins.copy_files, 200.0 if developer else 400.0),
        (browsing.keep_open, 140.0),
        (browsing.follow_events, 240.0),
        (background.ping, 180.0),
        (browsing.download, 500.0),
        (browsing.fill_form, 200.0),
    ]
    if host in office.BACKED_UP:
        tasks.append((browsing.back_up, 240.0))
    if host in office.MISCONFIGURED:
        tasks.append((background.knock_at_closed_door, 28.0))
    return tasks


def main(host: str, plan: Path) -> None:
    """Starts all actors of a host and returns when the capture ends."""
    facts = json.loads(plan.read_text())
    threads = []
    for errand, median_s in routine(host):
        habit = random.Random(f"{facts['seed']}-{host}-{errand.__name__}")  # the same in both periods
        actor = Actor(
            host=host,
            rng=random.Random(f"{facts['seed']}-{facts['period']}-{host}-{errand.__name__}"),
            begin=facts["begin"],
            seconds=facts["seconds"],
            holds=[Attack(**hold) for hold in facts["holds"][host]],
            pace=habit.lognormvariate(0, 0.3),
            environment=logins.environment(host),
        )
        threads.append(threading.Thread(target=live, args=(actor, errand, median_s), daemon=True))
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, facts["begin"] + facts["seconds"] - time.time()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
