"""What settings fit this machine: which interface is likely meant, and what is missing to start."""

import os
import pwd
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from oddflow.amounts import size
from oddflow.server.settings.sample import Suggestion
from oddflow.server.settings.settings import ServiceSection

NETWORK_CLASS = Path("/sys/class/net")
ROUTES = Path("/proc/net/route")
LOCAL_STATE = "oddflow-state"
"""The state folder of who is not root, beside the settings."""
_MADE_HERE = re.compile(r"lo|veth|docker|br-|virbr|ifb|dummy|tun|tap|wg|cni|flannel|cali")
_UNFIT = re.compile(r"[^a-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Port:
    """An interface as the kernel tells of it.

    Attributes:
        name: Its name.
        is_up: It carries something.
        leads_out: The default route goes by it.
        is_virtual: This machine made it: loopback, bridges, tunnels.
        received_bytes: Since it is there.
    """

    name: str
    is_up: bool
    leads_out: bool
    is_virtual: bool
    received_bytes: int

    @property
    def told(self) -> str:
        """In words."""
        facts = ["up" if self.is_up else "down", f"{size(self.received_bytes)} received"]
        facts += ["the default route"] if self.leads_out else []
        return f"{self.name}: {', '.join(facts)}"


def ports(network_class: Path = NETWORK_CLASS, routes: Path = ROUTES) -> list[Port]:
    """All interfaces, the likeliest to be listened on first."""
    outward = _outward(routes)
    found = [
        Port(
            name,
            is_up=_text(network_class / name / "operstate") in {"up", "unknown"},
            leads_out=name in outward,
            is_virtual=bool(_MADE_HERE.match(name)),
            received_bytes=int(_text(network_class / name / "statistics" / "rx_bytes") or 0),
        )
        for name in _names(network_class)
    ]
    return sorted(found, key=lambda port: (not port.is_up, port.is_virtual, not port.leads_out, -port.received_bytes))


def suggest(found: list[Port]) -> Suggestion:
    """Settings for this machine and this user."""
    notes = {"sources": [f"Here: {port.told}" for port in found]}
    notes["sources"].append(
        "A model comes from traffic that you trust: `oddflow learn normal.pcap -o office.oddflow`; name it below."
    )
    best = next((port for port in found if port.is_up and not port.is_virtual), None)
    sources = [{"name": source_name(best.name), "interface": best.name, "model": ""}] if best else []
    values: dict[str, dict[str, str]] = {}
    if os.geteuid() != 0:
        values["service"] = {"state": LOCAL_STATE}
    elif not _is_user(wanted := ServiceSection().user):
        notes["service"] = [
            f"There is no user {wanted} here yet: useradd --system --home-dir /var/lib/oddflow --shell "
            f"/usr/sbin/nologin {wanted}"
        ]
    return Suggestion(values, sources, notes)


def source_name(interface: str) -> str:
    """A name for the source of an interface.

    >>> source_name("eth0"), source_name("Wlan_0:1")
    ('eth0', 'wlan_0-1')
    """
    return _UNFIT.sub("-", interface.lower()).lstrip("._-") or "network"


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _names(network_class: Path) -> list[str]:
    if network_class == NETWORK_CLASS:
        return [name for _, name in socket.if_nameindex()]
    return sorted(path.name for path in network_class.iterdir())


def _outward(routes: Path) -> set[str]:
    """Interfaces with a default route (proc(5)); IPv6 alone is not looked for."""
    rows = [line.split() for line in _text(routes).splitlines()[1:]]
    return {row[0] for row in rows if len(row) > 1 and row[1] == "00000000"}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
