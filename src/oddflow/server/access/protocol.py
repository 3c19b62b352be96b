"""HTTP/1.1 on a connection: heads that trickle in and floods of connections are cut off.

uvicorn bounds how long an idle connection is kept, not how long the head of a request may take, nor how many
connections one address may hold.
"""

import asyncio
from collections import Counter
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from oddflow.server.access.hosts import Hosts
from oddflow.server.access.limits import network_of
from oddflow.server.settings.address import is_loopback

HEAD_S = 15.0
MOST_OF_ONE = 64
"""Connections of one address; a browser opens six, and one more for each page that stays live."""


class BoundedProtocol(H11Protocol):
    """One connection; see `protocol_for`."""

    hosts: ClassVar[Hosts]
    held: ClassVar[Counter[str]]
    """Connections that are open, by address."""
    _network = ""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Cuts it off at once where its address holds many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if address and not is_loopback(address) and not self.hosts.trusts(address):
            self._network = network_of(address)
            self.held[self._network] += 1
            if self.held[self._network] > MOST_OF_ONE:
                transport.abort()
                return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It holds nothing any more."""
        self._stop_watching()
        if self._network:
            self.held[self._network] -= 1
            if not self.held[self._network]:
                del self.held[self._network]
            self._network = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Watches while only a part of a head is there."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._watch()
        else:
            self._stop_watching()

    def _watch(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._cut)

    def _stop_watching(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut(self) -> None:
        self._late = None
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()


def protocol_for(hosts: Hosts) -> type[H11Protocol]:
    """The protocol of a service; addresses of trusted proxies and of this machine hold as many as they like.

    Args:
        hosts: Which proxies are trusted.
    """
    return type("BoundedProtocol", (BoundedProtocol,), {"hosts": hosts, "held": Counter()})
