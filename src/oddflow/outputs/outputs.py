"""All receivers of a run: alerts in, each told to each of them at least once."""

import encodings.idna  # noqa: F401  (host names need it, and an account that may read no libraries loads none)
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from oddflow.amounts import count
from oddflow.errors import OddflowError, OutputError, UsageError
from oddflow.files import reason_of
from oddflow.outputs.address import Address
from oddflow.outputs.delivery import Delivery, Say
from oddflow.outputs.formats import FORMATS, Format
from oddflow.outputs.notice import Told, kind_of
from oddflow.outputs.spool import Spool
from oddflow.outputs.to_file import File
from oddflow.outputs.to_mail import Mail
from oddflow.outputs.to_syslog import DatagramSyslog, StreamSyslog
from oddflow.outputs.to_webhook import Webhook
from oddflow.outputs.transport import Transport

LIMIT_BYTES = 256 << 20
PUT_AT_ONCE = 1_000
MOST_RECEIVERS = 32


class Owner(Protocol):
    """Whose files made with more rights shall be."""

    @property
    def uid(self) -> int:
        """User."""

    @property
    def gid(self) -> int:
        """Group."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one receiver.

    Attributes:
        to: What it is called.
        delivered: Messages that it has taken in this run.
        waiting: Messages that wait in the spool.
        known: Messages that it was given before, and not again.
        refused: Messages that it will never take.
        shed: Messages that were turned away: its queue was full, or the disk.
        damaged_bytes: Of its queue as it was found, unreadable.
        problem: Why the rest waits.
    """

    to: str
    delivered: int
    waiting: int
    known: int
    refused: int
    shed: int
    damaged_bytes: int
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What is asked.

    Attributes:
        addresses: The receivers.
        spool: The folder of their queues; a passing one where none is named.
        limit_bytes: What each queue may hold.
        wait_s: How long the end waits for receivers.
    """

    addresses: tuple[Address, ...]
    spool: str | None = None
    limit_bytes: int = LIMIT_BYTES
    wait_s: float = 30.0

    @classmethod
    def of(cls, urls: Sequence[str], spool: str | None, limit_mib: float, wait_s: float) -> "OutputSettings":
        """As a person asks for it.

        Raises:
            UsageError: A URL is wrong, or given twice, or there are too many.
        """
        addresses = tuple(Address.parse(url) for url in urls)
        if len(addresses) > MOST_RECEIVERS:
            raise UsageError(f"--to was given {len(addresses)} times; expected {MOST_RECEIVERS} at most")
        for address in addresses:
            format_of(address)
            if address.scheme == "kafka":
                from oddflow.outputs.to_kafka import library_for  # noqa: PLC0415  (an extra)

                library_for(address.name)  # while libraries may still be read
        folders = [address.folder for address in addresses]
        for address, folder in zip(addresses, folders, strict=True):
            if folders.count(folder) > 1:
                raise UsageError(f"--to {address.name} was given more than once; give it once")
        return cls(addresses, spool, round(limit_mib * (1 << 20)), wait_s)

    @property
    def place(self) -> str | None:
        """A path in a folder that must be writable, if any."""
        return self.spool or next((address.path for address in self.addresses if address.scheme == "file"), None)


def format_of(address: Address) -> Format:
    """The format that a receiver is told in; raises UsageError where there is none of that name."""
    usual = "text" if address.scheme.startswith("syslog") else "json"
    wanted = address.options.get("format", usual)
    if wanted not in FORMATS:
        raise UsageError(f"{address.name}: no format {wanted!r}; known: {', '.join(FORMATS)}")
    return FORMATS[wanted]


def transport_for(address: Address) -> Transport:
    """What reaches a receiver; raises UsageError or OutputError where it cannot even be tried."""
    form = format_of(address)
    match address.scheme:
        case "file":
            return File(address, form)
        case "syslog+udp":
            return DatagramSyslog(address)
        case "syslog+tcp" | "syslog+tls":
            return StreamSyslog(address)
        case "smtp" | "smtps":
            return Mail(address)
        case "kafka":
            from oddflow.outputs.to_kafka import Kafka  # noqa: PLC0415  (an extra)

            return Kafka(address)
        case _:
            return Webhook(address, form)


class Outputs:
    """Tells all receivers, each from a queue of its own: none waits for another, and nobody waits for any.

    Args:
        settings: What is asked.
        say: Told what a person should know, a line each time.
        owner: Whose the queues shall be, where they are made with more rights than are kept.

    Raises:
        UsageError, OutputError, InputError: A receiver cannot even be tried, or the spool cannot be used.
    """

    def __init__(self, settings: OutputSettings, say: Say, owner: Owner | None = None) -> None:
        self._settings = settings
        self._say = say
        self._is_passing = settings.spool is None
        self._deliveries: list[tuple[Address, Format, Delivery]] = []
        try:
            self._folder = Path(settings.spool or tempfile.mkdtemp(prefix="oddflow-spool-"))
            for address in settings.addresses:
                transport = transport_for(address)
                try:
                    spool = Spool(self._folder / address.folder, settings.limit_bytes)
                except OddflowError:
                    transport.close()
                    raise
                self._deliveries.append((address, format_of(address), Delivery(address.name, spool, transport, say)))
            if owner is not None:
                self._give_to(owner)
        except OSError as error:
            self.abandon()
            raise OutputError(f"the spool cannot be made: {reason_of(error)}; name a folder with --spool") from None
        except OddflowError:
            self.abandon()
            raise

    def begin(self) -> None:
        """Starts telling what waits; not before privileges are given up, for threads keep what they have."""
        for _, _, delivery in self._deliveries:
            delivery.start()

    def emit(self, items: Iterable[Told]) -> None:
        """Takes alerts and incidents: they are in the queues, on the disk, when this returns."""
        given = list(items)
        for start in range(0, len(given), PUT_AT_ONCE):
            for address, form, delivery in self._deliveries:
                shed = delivery.spool.counts.shed
                chosen = [item for item in given[start : start + PUT_AT_ONCE] if kind_of(item) in address.kinds]
                delivery.spool.put(map(form.message, chosen))
                if delivery.spool.counts.shed > shed == 0:
                    self._say(
                        f"the queue for {delivery.name} is full: what comes is turned away and counted, what is in it "
                        "stays; see to the receiver, or give a greater --spool-limit"
                    )
        self.begin()

    def close(self) -> list[Outcome]:
        """Waits for receivers as long as asked, says what became of all, and ends."""
        self.begin()
        until_s = time.monotonic() + self._settings.wait_s
        outcomes = []
        for _, _, delivery in self._deliveries:
            delivery.finish(until_s)
            outcomes.append(_outcome(delivery))
            for line in _told(outcomes[-1], self._folder):
                self._say(line)
        if self._is_passing and not any(outcome.waiting or outcome.refused for outcome in outcomes):
            shutil.rmtree(self._folder, ignore_errors=True)
        return outcomes

    def outcomes(self) -> list[Outcome]:
        """How it goes with each receiver now."""
        return [_outcome(delivery) for _, _, delivery in self._deliveries]

    def abandon(self) -> None:
        """Ends at once; what waits in a spool that was named stays there."""
        for _, _, delivery in self._deliveries:
            delivery.finish(0.0)
        if self._is_passing and hasattr(self, "_folder"):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _give_to(self, owner: Owner) -> None:
        files = [Path(address.path) for address in self._settings.addresses if address.scheme == "file"]
        for _, _, delivery in self._deliveries:
            files += [self._folder, delivery.spool.folder, *delivery.spool.folder.iterdir()]
        for path in files:
            with suppress(FileNotFoundError):
                os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def _outcome(delivery: Delivery) -> Outcome:
    counts = delivery.spool.counts
    return Outcome(
        to=delivery.name,
        delivered=delivery.delivered,
        waiting=delivery.spool.waiting,
        known=counts.known,
        refused=delivery.refused,
        shed=counts.shed,
        damaged_bytes=counts.damaged_bytes,
        problem=delivery.problem,
    )


def _told(outcome: Outcome, folder: Path) -> list[str]:
    known = f", {outcome.known:,} known there already" if outcome.known else ""
    lines = [f"{outcome.to}: {outcome.delivered:,} told{known}"]
    if outcome.waiting:
        why = f" ({outcome.problem})" if outcome.problem else ""
        lines.append(
            f"{outcome.to}: {count(outcome.waiting, 'message')} wait{'s' * (outcome.waiting == 1)} in {folder}{why}; "
            f"`oddflow send --spool {folder} --to …` goes on"
        )
    if outcome.shed:
        lines.append(f"{outcome.to}: {outcome.shed:,} turned away: the queue or the disk was full")
    if outcome.refused:
        lines.append(f"{outcome.to}: {outcome.refused:,} refused for good by the receiver")
    if outcome.damaged_bytes:
        lines.append(f"{outcome.to}: {outcome.damaged_bytes:,} bytes of the queue were unreadable and are gone")
    return lines
