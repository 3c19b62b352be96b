"""Ways from an alert or an incident to the flows of its hosts at that time."""

from collections.abc import Sequence
from urllib.parse import urlencode

from oddflow.server.web.moments import SECOND_NS
from oddflow.verdicts.alert import utc

ROOM_NS = 300 * SECOND_NS
"""Flows before and after say what was usual there."""


def flows_of(host: str, first_ns: int, last_ns: int) -> str:
    """The address of the flows of a host around a time."""
    since, until = (utc(at)[:19] + "Z" for at in (first_ns - ROOM_NS, last_ns + ROOM_NS + SECOND_NS))
    return "/flows?" + urlencode({"q": f"host = {host} since {since} until {until}"})


def links(hosts: Sequence[str], first_ns: int, last_ns: int, *, most: int = 6) -> list[tuple[str, str]]:
    """Hosts with these addresses."""
    return [(host, flows_of(host, first_ns, last_ns)) for host in hosts[:most]]
