"""What is known of one observation domain of an exporter."""

from collections import OrderedDict
from dataclasses import dataclass, field

from oddflow.logs.netflow.header import NS_PER_MS, V9, Header
from oddflow.logs.netflow.holding import Holding
from oddflow.logs.netflow.layout import Layout, Rows
from oddflow.logs.netflow.options import Sampling, read_options
from oddflow.logs.netflow.records import Context
from oddflow.logs.netflow.sequence import Message, Sequence
from oddflow.logs.netflow.templates import Budget, Templates
from oddflow.logs.netflow.times import LATEST_NS, UNKNOWN_MS

MOST_SESSIONS = 16
CLOCK_MS = 1_000
"""NetFlow v9 tells its time in whole seconds, so that the start it implies varies by so much."""
RESTART_MS = 10_000
"""An exporter whose start moves by more was started anew."""
WRAP_MS = 1 << 32


@dataclass(slots=True)
class _Session:
    """Messages from one port: their sequence, and when who sends them was started (RFC 7011: transport session)."""

    sequence: Sequence = field(default_factory=Sequence)
    boot_ms: int | None = None


class Domain:
    """One domain of an exporter.

    Args:
        name: Address and number.
        budget: Of the templates of all domains.
        holding: For data before their templates.
    """

    def __init__(self, name: str, budget: Budget, holding: Holding) -> None:
        self.name = name
        self.holding = holding
        self.templates = Templates(budget)
        self.messages = 0
        self.heard_s = 0.0
        self.restarts = 0
        self._sampling = Sampling()
        self._boot_ms: int | None = None
        self._sessions: OrderedDict[int, _Session] = OrderedDict()
        self._lost = 0

    def hear(self, header: Header, port: int, now_s: float) -> None:
        """Takes note of a message before its sets are read."""
        self.heard_s = now_s
        if header.uptime_ms is not None:
            self._boot(self._session(port), header)

    def context(self, header: Header, port: int) -> Context:
        """What a message says of its records."""
        sampling = Sampling(header.sampling) if header.sampling else self._sampling
        if header.uptime_ms is None:
            uptime = UNKNOWN_MS if self._boot_ms is None else header.sent_ns // NS_PER_MS - self._boot_ms
            return Context(self.name, header.sent_ns, uptime, sampling)
        boot_ms = self._boot(self._session(port), header)
        sent_ns = (boot_ms + header.uptime_ms) * NS_PER_MS if header.version == V9 else header.sent_ns
        return Context(self.name, sent_ns, header.uptime_ms, sampling)

    def follow(self, message: Message | None, port: int) -> int:
        """Follows the sequence of messages from a port; gives what is now known to be lost."""
        self.messages += 1
        return self._session(port).sequence.take(message) + self._given_up()

    def tell(self, layout: Layout, rows: Rows) -> None:
        """Takes options records."""
        for told in read_options(layout, rows):
            if told.boot_ms is not None and 0 < told.boot_ms <= LATEST_NS // NS_PER_MS:
                self._boot_ms = told.boot_ms
            if told.interval is not None:
                self._sampling = self._sampling.with_told(told.sampler, told.interval)

    def end(self) -> int:
        """Forgets all; gives what is now known to be lost."""
        self.templates.forget()
        while self._sessions:
            self._drop_session()
        return self._given_up()

    def _given_up(self) -> int:
        lost, self._lost = self._lost, 0
        return lost

    def _session(self, port: int) -> _Session:
        session = self._sessions.get(port)
        if session is None:
            session = self._sessions[port] = _Session()
            if len(self._sessions) > MOST_SESSIONS:
                self._drop_session()
        self._sessions.move_to_end(port)
        return session

    def _drop_session(self) -> None:
        _, session = self._sessions.popitem(last=False)
        self._lost += session.sequence.end()
        self.restarts += session.sequence.restarts

    def _boot(self, session: _Session, header: Header) -> int:
        """When the exporter was started, in ms since 1970; whole seconds make it vary, the latest is the nearest."""
        told = header.sent_ns // NS_PER_MS - (header.uptime_ms or 0)
        known = session.boot_ms
        if known is None:
            session.boot_ms = told
        elif abs(told - known) <= CLOCK_MS and header.version == V9:
            session.boot_ms = max(told, known)
        else:
            # after 49.7 days the uptime begins anew, which moves the start that it implies by just as much
            if min(abs(told - known), abs(told - known - WRAP_MS)) > RESTART_MS:
                self._lost += session.sequence.restart()
            session.boot_ms = told
        return session.boot_ms
