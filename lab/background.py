"""Small things that programs do in the background, one function each."""

import socket
import struct
import time
from typing import TYPE_CHECKING

import office
from browsing import curl
from office import BUILD, FILES, WEB

if TYPE_CHECKING:
    from people import Actor


def look_up(actor: "Actor") -> None:
    """Names of every kind, as programs in the background ask for them."""
    rng = actor.rng
    domain = rng.choice(office.SITES).name.removeprefix("www.")
    number = rng.choice(office.HOSTS).number
    questions = (
        [f"www.{domain}"],
        [f"www.{domain}", "AAAA"],
        [rng.choice(office.HOSTS).full_name],
        [domain, "MX"],
        [domain, "TXT"],
        [f"_dmarc.{domain}", "TXT"],
        ["-x", f"{office.PREFIX}.{number}"],
        [office.edge_name(rng)],
        [office.edge_name(rng), "AAAA"],
        [office.reputation_name(rng)],
        [office.reputation_name(rng), "TXT"],
        [rng.choice(("wpad", "isatap", "printer", "old-server")) + f".{office.DOMAIN}"],
        ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(7, 15))) + ".example"],
    )
    for _ in range(1 + min(9, int(rng.paretovariate(1.0)))):
        server = office.DNS.address6 if rng.random() < 0.2 else office.RESOLVER
        transport = ["+tcp"] if rng.random() < 0.03 else []
        actor.run("dig", "+tries=2", "+time=3", *transport, f"@{server}", *rng.choice(questions))
        actor.rest(rng.expovariate(8))


def knock_at_closed_door(actor: "Actor") -> None:
    """A program with an old setting tries a port that nobody serves."""
    server, port = office.MISCONFIGURED[actor.host]
    for _ in range(actor.rng.randint(1, 3)):
        try:
            socket.create_connection((server.address, port), timeout=3).close()
        except OSError:
            actor.rest(1.0)


def ping(actor: "Actor") -> None:
    """Some echo requests, to a server or to the outside (RFC 792)."""
    rng = actor.rng
    target = rng.choice([host.address for host in office.SERVERS] + [site.address for site in office.SITES])
    identity = rng.getrandbits(16)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for sequence in range(rng.choice((1, 3, 4, 4, 10))):
            echo = struct.pack(">BBHHH", 8, 0, 0, identity, sequence) + bytes(range(56))
            total = sum(struct.unpack(f">{len(echo) // 2}H", echo))
            total = (total & 0xFFFF) + (total >> 16)
            checksum = struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF)
            raw.sendto(echo[:2] + checksum + echo[4:], (target, 0))
            actor.rest(1.0)


def watch_over(actor: "Actor") -> None:
    """Health checks of every service every five seconds: more regular than any beacon."""
    started = time.time()
    curl(actor, f"http://{WEB.address}/p/0.html")
    curl(actor, f"http://{BUILD.address}:8080/p/1.html")
    actor.run("dig", "+tries=1", "+time=2", f"@{office.RESOLVER}", WEB.full_name)
    for server in (FILES, BUILD):
        with socket.create_connection((server.address, 22), timeout=3) as connection:
            connection.recv(64)
    if actor.rng.random() < 0.2:
        curl(actor, f"{office.SITES[1].url}/p/2.html")
    actor.rest(started + 5 - time.time())
