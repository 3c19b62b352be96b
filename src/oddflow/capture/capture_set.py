"""Several captures that are read as one: rotated files, or taps on several links."""

import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from oddflow.capture.blocks import BlockBuffer
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import is_capture, walked
from oddflow.capture.remote import files_under, is_local, is_remote_folder, is_url, local_path, shown
from oddflow.capture.stream import plain_bytes
from oddflow.errors import InputError, UnknownFormat, Unreadable, UsageError
from oddflow.losses import Ledger

GLANCE_BYTES = 64 << 10
"""Read at a time until a capture's first packet is met."""

LOOKED_AT = 16
"""Remote files at a time."""

NAMED = 5
"""Files that are passed over, by name; more are counted."""


@dataclass(slots=True)
class Member:
    """One file of a set.

    Attributes:
        place: What to open. name: The same, without secrets.
        first_ns: Time of its first packet; 0 where only reading can tell (a pipe), None where it holds none.
        last_ns: Latest time met in it; None until it was read to its end.
    """

    place: str
    name: str
    first_ns: int | None
    last_ns: int | None = None


@dataclass(slots=True)
class CaptureSet:
    """Captures in the order of their first packets. Reading notes each one's last time.

    Attributes:
        name: What people call the set: the folder, or its first file and how many more.
        members: Its files; those without packets last.
        first_rank: Where the set is a part of a larger one: the place of its first file there, for numbers of packets.
    """

    name: str
    members: list[Member] = field(default_factory=list)
    first_rank: int = 0

    def __str__(self) -> str:
        """Its name."""
        return self.name

    @property
    def names(self) -> list[str]:
        """The names of its files."""
        return [member.name for member in self.members]

    def between(self, start_ns: int, end_ns: int) -> tuple[str, ...]:
        """The files that may hold packets of a stretch of time."""
        return tuple(
            member.name
            for member in self.members
            if member.first_ns is not None
            and member.first_ns <= end_ns
            and (member.last_ns is None or member.last_ns >= start_ns)
        )

    @classmethod
    def of_folder(cls, folder: str, ledger: Ledger) -> "CaptureSet":
        """The captures in a folder, recognised by their content; the ledger names what else is there.

        Raises:
            Unreadable: It cannot be listed, or holds no capture.
        """
        name = shown(folder)
        members, others = _glanced_at(folder, ledger) if is_remote_folder(folder) else _looked_through(folder)
        if not members:
            what = f"only {_some(others)}" if others else "no file"
            raise Unreadable(f"{name} holds no capture, {what}; name a folder of captures, or the files themselves")
        if others:
            ledger.noted(f"{name}: no captures, passed over: {_some(others)}")
        return cls(name, _in_order(members))

    @classmethod
    def of(cls, places: Sequence[str], ledger: Ledger) -> "CaptureSet":
        """Captures and folders of captures, as one set.

        Raises:
            InputError: One of them cannot be read, or is no capture.
            UsageError: One is named twice.
        """
        members: list[Member] = []
        for place in places:
            members += cls.of_folder(place, ledger).members if is_folder(place) else [glance(place)]
        names = [member.place for member in members]
        twice = next((shown(name) for name in names if names.count(name) > 1), None)
        if twice:
            raise UsageError(f"{twice} was given more than once; its packets would count twice")
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        return cls(shown(places[0]) + more, _in_order(members))


def _looked_through(folder: str) -> tuple[list[Member], list[str]]:
    """The captures of a folder, and the names of what else is in it."""
    try:
        paths = sorted(path for path in Path(local_path(folder)).iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise Unreadable(f"{shown(folder)} cannot be listed: {error.strerror}; check its permissions") from None
    found = [(path.name, _capture(path)) for path in paths]
    return [member for _, member in found if member], [name for name, member in found if not member]


def _glanced_at(url: str, ledger: Ledger) -> tuple[list[Member], list[str]]:
    """As `_looked_through`, of what lies under a URL; many are looked at at a time, for answers take long to come."""

    def look(place: str) -> Member | InputError:
        try:
            return glance(place)
        except InputError as error:
            return error

    places = [file.url for file in files_under(url) if file.bytes]
    with ThreadPoolExecutor(LOOKED_AT) as pool:
        found = list(zip(places, pool.map(look, places), strict=True))
    for _, seen in found:
        if isinstance(seen, Unreadable):  # it may be a capture, which could not be had
            ledger.damaged(str(seen))
    others = [place.rsplit("/", 1)[-1] for place, seen in found if isinstance(seen, UnknownFormat)]
    return [seen for _, seen in found if isinstance(seen, Member)], others


def _capture(path: Path) -> Member | None:
    """A file of a folder, where it is a capture."""
    try:
        return glance(str(path)) if path.is_file() else None
    except InputError:
        return None


def _in_order(members: list[Member]) -> list[Member]:
    return sorted(members, key=lambda member: (member.first_ns is None, member.first_ns))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def is_folder(source: str) -> bool:
    """Whether a source is a directory, or a URL that ends in a slash: all that is kept under it."""
    if is_remote_folder(source):
        return True
    if is_url(source) and not is_local(source):
        return False
    try:
        return Path(local_path(source)).is_dir()
    except (OSError, ValueError):
        return False


def passes_once(source: str) -> bool:
    """Whether a source is a pipe or the like, which a second reading finds empty."""
    if source == "-":
        return True
    if is_url(source) and not is_local(source):
        return False
    try:
        mode = Path(local_path(source)).stat().st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def glance(place: str) -> Member:
    """Reads a capture up to its first packet; what passes only once is left alone.

    Raises:
        InputError: It cannot be read, or is no capture.
    """
    name = shown(place)
    if passes_once(place):
        return Member(place, name, 0)
    unheard = Ledger()
    with plain_bytes(place, unheard) as (first, stream):
        if not is_capture(first):
            raise UnknownFormat(f"{name} is no capture: it starts with {first[:8]!r}; only captures can be merged")
        buffer = BlockBuffer(stream, GLANCE_BYTES)
        batch = PacketBatch.empty(buffer.data, 1)
        for _ in walked(buffer, batch, first, name, unheard):
            return Member(place, name, int(batch.packets["time_ns"][0]))
    return Member(place, name, None)
