"""One capture from beginning to end, inside the sandbox: `record.py ORDER.json`."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import attacks
import office
import packets
import plan
import sandbox
import servers
import truth

SETTLE_S = 12.0  # all hosts come up at once, which no office does: their router and multicast reports pass first
LEAD_S = 2.0  # for the actors' processes to start
AFTER_S = 1.0
BEFORE_INCIDENT_S = 3600


@dataclass(frozen=True)
class Order:
    """What to record: the outer process writes it, this one carries it out."""

    seed: int
    seconds: int
    period: str
    folder: str

    @property
    def name(self) -> str:
        """The capture's name without endings."""
        return f"office-{self.period}"


def record(order: Order) -> dict[str, object]:
    """Makes the office, lets it live while tcpdump looks on, and writes capture and truth."""
    limit_s = order.seconds + SETTLE_S + 60
    sandbox.furnish()
    os.chdir(office.RUN)  # some tools leave files where they run
    sandbox.build_network()
    servers.stock()
    servers.start_all(limit_s)
    schedule = plan.plan_attacks(order.seed, order.seconds) if order.period == "incident" else []
    raw = office.RUN / f"{order.name}.pcap"
    time.sleep(SETTLE_S)
    command = ["tcpdump", "-i", "br0", "-s", "0", "-B", "16384", "-U", "-Z", "root", "-w", str(raw)]
    tcpdump = sandbox.start("router", *command, limit_s=limit_s, stderr=subprocess.PIPE)
    begin = time.time() + LEAD_S
    _start_people(order, schedule, begin, limit_s)
    facts = _attack(order, schedule, begin)
    time.sleep(max(0.0, begin + order.seconds + AFTER_S - time.time()))
    tcpdump.send_signal(signal.SIGINT)
    said = tcpdump.communicate(timeout=20)[1]
    return _finish(order, raw, facts, said)


def _start_people(order: Order, schedule: list[plan.Attack], begin: float, limit_s: float) -> None:
    names = [host.name for host in (office.MONITOR, *office.PEOPLE)]
    file = office.RUN / "plan.json"
    file.write_text(
        json.dumps(
            {
                "seed": order.seed,
                "period": order.period,
                "begin": begin,
                "seconds": order.seconds,
                "holds": {name: [vars(hold) for hold in plan.held(schedule, name)] for name in names},
            },
        ),
    )
    script = str(Path(__file__).with_name("people.py"))
    for name in names:
        sandbox.start(name, sys.executable, script, name, str(file), limit_s=limit_s, stderr=None)


def _attack(order: Order, schedule: list[plan.Attack], begin: float) -> list[truth.Fact]:
    facts = []
    for attack in schedule:
        time.sleep(max(0.0, begin + attack.start_s - time.time()))
        print(f"  incident: {attack.kind} for up to {attack.limit_s:.0f} s", flush=True)
        facts.append(attacks.carry_out(attack, random.Random(f"{order.seed}-{attack.kind}")))
    return facts


def _finish(order: Order, raw: Path, facts: list[truth.Fact], said: str) -> dict[str, object]:
    if order.period == "baseline":
        packets.shift(raw, -BEFORE_INCIDENT_S)  # recorded side by side, but meant as an hour earlier
    decoded = [p for time_us, frame in packets.records(raw) if (p := packets.decode(time_us, frame))]
    lines = truth.rows(decoded, facts)
    folder = Path(order.folder)
    if order.period == "incident":
        truth.write(folder / f"{order.name}.truth.csv", lines)
    sandbox.call("zstd", "-q", "-19", str(raw), "-o", str(folder / f"{order.name}.pcap.zst"))
    return {
        "packets": sum(1 for _ in packets.records(raw)),
        "flows": len(truth.conversations(decoded)),
        "moved_s": -BEFORE_INCIDENT_S if order.period == "baseline" else 0,
        "bytes": raw.stat().st_size,
        "dropped": sum(map(int, re.findall(r"(\d+) packets? dropped", said))),
        "attack_flows": {kind: sum(line.what == kind for line in lines) for kind in truth.CATEGORY if lines},
        "attacks": [vars(attack) for attack in plan.plan_attacks(order.seed, order.seconds) if lines],
    }


if __name__ == "__main__":
    instructions = Order(**json.loads(Path(sys.argv[1]).read_text()))
    result = record(instructions)
    (Path(instructions.folder) / f"{instructions.name}.json").write_text(json.dumps(result))
