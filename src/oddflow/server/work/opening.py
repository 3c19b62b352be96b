"""What only the supervisor may open: rings, sockets that exporters send to, the web's."""

import socket
from contextlib import suppress
from pathlib import Path

from oddflow.capture.filter import compile_filter
from oddflow.capture.interface import DropCounters, Interface
from oddflow.capture.ring import Ring, RingSettings, open_rings
from oddflow.errors import OddflowError, UsageError
from oddflow.files import reason_of
from oddflow.logs.netflow.receiver import Receiver
from oddflow.sensor.outage import InterfaceWatch, Say
from oddflow.sensor.tally import Tally
from oddflow.sensor.worker import send_ring
from oddflow.server.settings.settings import SourceSection
from oddflow.server.work.capture import Opened
from oddflow.server.work.channel import make_pair

BLOCK_TIMEOUT_MS = 50
LISTEN_BACKLOG = 256


class Source:
    """A source as the supervisor holds it: the channel's both ends, and what outlives a capture's process.

    Args:
        section: What was asked.
        say: Told what becomes of its interface.
    """

    def __init__(self, section: SourceSection, say: Say) -> None:
        self.section = section
        self.problem = ""
        self._say = say
        self.into, self.out = make_pair()
        self._tally = Tally(2) if section.kind == "interface" else None
        self._watch: InterfaceWatch | None = None
        self._receiver: Receiver | None = None
        self._next: Ring | None = None

    def open(self) -> None:
        """Opens what needs rights, before they are given up.

        Raises:
            OddflowError: It cannot be.
        """
        if self.section.kind == "netflow":
            self._receiver = Receiver(self.section.where)
        elif self.section.kind == "interface":
            self._next = self._ring()

    def for_capture(self) -> Opened:
        """What a new capture is given.

        Raises:
            OddflowError: The interface is not there.
        """
        if self.section.kind != "interface":
            return Opened(self.into, receiver=self._receiver)
        ring, self._next = self._next or self._ring(), None
        if self._tally is not None:
            self._tally.rows[0] = 0
        return Opened(self.into, ring, self._tally)

    def given(self, opened: Opened) -> None:
        """The capture has it now."""
        if opened.ring is not None:
            opened.ring.close()

    def look(self, line: socket.socket | None) -> None:
        """Follows the interface; a capture that is there is given a new ring where it came back as a new one."""
        if self._watch is None or self._tally is None:
            return
        found = self._watch.look()
        self._tally.tell(1, self._watch.ledger)
        self.problem = (
            f"{self.section.where} is down or gone; waiting for it to come back" if self._watch.is_down else ""
        )
        if found is None or line is None:
            return
        try:
            ring = self._ring()
        except (OddflowError, OSError) as error:
            self._watch.refuse(str(error))
            return
        with suppress(OSError):
            send_ring(line, ring)
        ring.close()
        self._watch.opened(found)

    def foreign(self) -> list[socket.socket]:
        """Ends of the channel."""
        return [self.into, self.out]

    def close(self) -> None:
        """Closes all."""
        for end in (self.into, self.out):
            end.close()
        if self._receiver is not None:
            self._receiver.close()

    def _ring(self) -> Ring:
        asked = self.section
        interface = Interface.find(asked.where)
        settings = RingSettings(asked.ring_mib << 20, block_timeout_ms=BLOCK_TIMEOUT_MS, promiscuous=asked.promiscuous)
        program = compile_filter(asked.filter, interface.link_type, settings.snap_bytes, interface.name)
        ring = open_rings(interface, settings, program)[0]
        if self._watch is None:
            self._watch = InterfaceWatch(interface, DropCounters(), self._say)
        else:
            self._watch.opened(interface)
        return ring


def web_socket(listen: str) -> socket.socket:
    """Listens on HOST:PORT; [HOST]:PORT for IPv6.

    Raises:
        UsageError: The address is none, none of this machine, or taken.
    """
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"the address to answer on is {listen!r}; expected HOST:PORT, like 127.0.0.1:8470")
    opened: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.listen(LISTEN_BACKLOG)
    except (OSError, UnicodeError) as error:
        if opened is not None:
            opened.close()
        raise UsageError(
            f"{listen} cannot be listened on: {reason_of(error)}; choose another address under [web] listen"
        ) from None
    opened.setblocking(False)
    return opened


def state_folder(place: Path) -> None:
    """Makes the folder of the state, for its owner alone.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise UsageError(
            f"the state folder {place} cannot be made: {reason_of(error)}; make it, or name another under "
            "[service] state"
        ) from None
