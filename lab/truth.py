"""Truth from the packets themselves: one row per attack flow, with its exact ports and times."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from packets import TCP, UDP, Packet, question_name

CATEGORY = {
    "port scan": "probe",
    "password guessing": "brute_force",
    "slow http": "dos",
    "dns tunnel": "tunnel",
}
NAMES = {TCP: "tcp", UDP: "udp"}


@dataclass(frozen=True)
class Sign:
    """What tells an attack's conversations from others of the same hosts at the same time."""

    victim_port: int | None = None
    attacker_port: int | None = None
    domain: str | None = None


@dataclass(frozen=True)
class Fact:
    """What is known of an attack from having run it: who, against whom, and when (microseconds)."""

    what: str
    attacker: str
    victim: str
    start_us: int
    end_us: int
    sign: Sign

    def explains(self, opener: Packet) -> bool:
        """Whether a conversation's first packet belongs to this attack."""
        if self.sign.domain:
            return opener.target[1] == 53 and within(question_name(opener.payload), self.sign.domain)
        return (
            opener.protocol == TCP
            and self.start_us <= opener.time_us <= self.end_us
            and (opener.source[0], opener.target[0]) == (self.attacker, self.victim)
            and self.sign.victim_port in {None, opener.target[1]}
            and self.sign.attacker_port in {None, opener.source[1]}
        )


@dataclass
class Row:
    """A line of the truth file."""

    start: str
    end: str
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    protocol: str
    what: str
    category: str


def within(name: str, domain: str) -> bool:
    """Whether a DNS name is the domain or lies below it."""
    return name == domain or name.endswith("." + domain)


def iso(time_us: int) -> str:
    """A time as UTC ISO 8601 with microseconds."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def conversations(packets: Iterable[Packet]) -> list[tuple[Packet, int]]:
    """First packet and end time of every conversation; a new SYN on old ports begins another one."""
    found: list[tuple[Packet, int]] = []
    current: dict[tuple[object, ...], int] = {}
    for packet in packets:
        index = current.get(packet.key)
        if index is None or (packet.opens and packet.sequence != found[index][0].sequence):
            current[packet.key] = len(found)
            found.append((packet, packet.time_us))
        else:
            found[index] = (found[index][0], packet.time_us)
    return found


def rows(packets: Iterable[Packet], facts: list[Fact]) -> list[Row]:
    """Truth rows, in order of time, for every conversation that a fact explains."""
    result = []
    for opener, end_us in conversations(packets):
        fact = next((fact for fact in facts if fact.explains(opener)), None)
        if fact:
            result.append(
                Row(
                    start=iso(opener.time_us),
                    end=iso(end_us),
                    src_ip=opener.source[0],
                    src_port=opener.source[1],
                    dst_ip=opener.target[0],
                    dst_port=opener.target[1],
                    protocol=NAMES[opener.protocol],
                    what=fact.what,
                    category=CATEGORY[fact.what],
                ),
            )
    return result


def write(path: Path, lines: list[Row]) -> None:
    """Writes the truth file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows(astuple(line) for line in lines)
