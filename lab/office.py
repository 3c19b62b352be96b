"""The office: who is on the network, under which name and address, and what lies outside.

Everything that both captures share stands here, as data. Addresses outside are those reserved
for documentation (RFC 5737, RFC 3849), names end in `.example` (RFC 2606).
"""

import random
from dataclasses import dataclass
from pathlib import Path

RUN = Path("/run/lab")  # inside the sandbox, where /run is a fresh tmpfs
DOMAIN = "office.example"
PREFIX, PREFIX6 = "10.20.0", "fd00:20::"
RESOLVER, OUTSIDE_RESOLVER = f"{PREFIX}.53", "198.51.100.53"
TUNNEL_DOMAIN, TUNNEL_END = "t.lab.example", "203.0.113.77"
TUNNEL_INSIDE = "172.31.99"
PAGES, DOWNLOADS, PARCELS = 90, 6, 24
PASSWORD = "correct-horse-7"  # noqa: S105  of accounts that exist only inside the sandbox


@dataclass(frozen=True)
class Host:
    """A machine on the office network; its number fixes its addresses."""

    name: str
    number: int

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return f"{PREFIX}.{self.number}"

    @property
    def address6(self) -> str:
        """Its IPv6 address."""
        return f"{PREFIX6}{self.number}"

    @property
    def mac(self) -> str:
        """Its fixed hardware address, locally administered."""
        return f"02:20:00:00:00:{self.number:02x}"

    @property
    def full_name(self) -> str:
        """Its name in the office's zone."""
        return f"{self.name}.{DOMAIN}"


WEB, FILES, BUILD = Host("web", 10), Host("files", 11), Host("build", 12)
DNS, MONITOR = Host("dns", 53), Host("monitor", 5)
NAMES = "anna boris carla dmitri elena felix greta hugo irene jonas katja lukas"
PEOPLE = tuple(Host(name, 101 + i) for i, name in enumerate(NAMES.split()))
SERVERS = (WEB, FILES, BUILD, DNS)
HOSTS = (*SERVERS, MONITOR, *PEOPLE)
DEVELOPERS = {"boris", "elena", "hugo", "katja"}
MISCONFIGURED = {"carla": (FILES, 445), "jonas": (BUILD, 8443)}
BACKED_UP = {"anna", "dmitri", "greta", "irene", "lukas"}


@dataclass(frozen=True)
class Site:
    """A web site outside: one name, one or two addresses."""

    name: str
    address: str
    address6: str | None
    secure: bool

    @property
    def url(self) -> str:
        """Where its pages begin."""
        return f"{'https' if self.secure else 'http'}://{self.name}"


SUBJECTS = (
    "news weather shop travel maps mail video forum bank library sports recipes cinema tickets "
    "parcel jobs cloud notes music radio school health museum garden"
)


def _sites() -> tuple[Site, ...]:
    networks = ("192.0.2", "198.51.100", "203.0.113")
    return tuple(
        Site(
            name=f"www.{name}.example",
            address=f"{networks[i % 3]}.{10 + i}",
            address6=f"2001:db8:{i % 5}::{10 + i}" if i % 3 == 0 else None,
            secure=i % 5 in (1, 3),
        )
        for i, name in enumerate(SUBJECTS.split())
    )


SITES = _sites()
EDGES = ("203.0.113.80", "203.0.113.81", "192.0.2.80")  # any name under edge-cdn.example
REPUTATION = "203.0.113.82"  # any name under reputation.example


def edge_name(rng: random.Random) -> str:
    """A long name of the kind that content networks hand out."""
    label = f"{rng.choice('devr')}{rng.getrandbits(52):013x}"
    return f"{label}.{rng.choice(('eu-central', 'eu-west', 'static'))}-{rng.randint(1, 9)}.edge-cdn.example"


def reputation_name(rng: random.Random) -> str:
    """A name of the kind in which virus scanners ask about a file's hash."""
    digest = f"{rng.getrandbits(128):032x}"
    return f"{digest[: rng.choice((16, 24, 32))]}.{rng.choice('abf')}.reputation.example"


def outside_addresses() -> list[str]:
    """All IPv4 and IPv6 addresses that the outside answers to."""
    six = [site.address6 for site in SITES if site.address6]
    return [*(site.address for site in SITES), *six, *EDGES, REPUTATION, OUTSIDE_RESOLVER, TUNNEL_END]
