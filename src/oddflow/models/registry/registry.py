"""A registry of models: files by their content, names and versions by the journal.

    DIR/journal.jsonl                  what happened (journal.py); all else follows from it
    DIR/objects/<sha256>.oddflow       the models, each once, never changed
    DIR/lock                           held while something is written

A model is put there before the event that names it, and taken away after the event that removes it: what a crash leaves
behind is at worst a file that nothing names. Readers need no lock.
"""

import hashlib
import os
import pwd
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oddflow.errors import BrokenRegistry, OutputError, Tampered, UsageError
from oddflow.files import reason_of, whole_file
from oddflow.models.registry.journal import Event, Journal, What, sync_folder
from oddflow.models.registry.named import Named, Version, check_name, reference, state_of

VARIABLE = "ODDFLOW_REGISTRY"
OBJECTS = "objects"
KEEP = "keep"
"""In what a comparison found: that the active model is the better one."""


def default_folder() -> Path:
    """ODDFLOW_REGISTRY, else `oddflow/models` in the user's state folder (XDG Base Directory Specification 0.8)."""
    if told := os.environ.get(VARIABLE):
        return Path(told)
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return base / "oddflow" / "models"


class Registry:
    """A folder of models under names.

    >>> from tempfile import mkdtemp
    >>> Registry(mkdtemp()).names()
    {}
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)
        self._journal = Journal(self.folder)

    def names(self) -> dict[str, Named]:
        """All names, with their versions.

        Raises:
            Unreadable, BrokenRegistry: The journal cannot be read, or is none.
        """
        return state_of(self._journal.events())

    def named(self, name: str) -> Named:
        """One name.

        Raises:
            UsageError: There is none such.
        """
        return _found(self.names(), name, self.folder)

    def find(self, name: str, number: int | None = None) -> Version:
        """A version, the active one unless a number is given.

        Raises:
            UsageError: There is none such, or none was promoted yet.
        """
        named = self.named(name)
        version = named.active if number is None else named.version(number)
        if version is None:
            raise UsageError(
                f"{name} has no active version; promote one (`oddflow models promote {name} "
                f"{next(iter(named.versions), 1)}`) or name it, like {name}@{next(iter(named.versions), 1)}"
            )
        return version

    def place_of(self, version: Version) -> Path:
        """Where a version's file is."""
        return self.folder / OBJECTS / f"{version.sha256}.oddflow"

    def check(self, version: Version) -> Path:
        """Where a version's file is, once it is known to be the one that was added.

        Raises:
            BrokenRegistry: It is gone.
            Tampered: It was changed.
        """
        place = self.place_of(version)
        try:
            with place.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BrokenRegistry(
                f"the registry has no file for {version.added.name}@{version.number}: {place} cannot be read "
                f"({reason_of(error)}); add the model again"
            ) from None
        if digest != version.sha256:
            raise Tampered(f"{place} is not the model that was added as {version.added.name}@{version.number}")
        return place

    def add(self, content: bytes, told: dict[str, str], *, name: str, file: str = "", reason: str = "") -> Version:
        """Adds a model as the next version of a name; not active before it is promoted.

        A model that the name has already keeps its version.

        Args:
            content: The bytes of a sealed model that was checked.
            told: Its `fingerprint`, `detector` and `signer`, for the journal.
            name: What to call it.
            file: Where it came from.
            reason: Why.

        Raises:
            UsageError: It cannot be called that.
            OutputError: The folder cannot be written.
        """
        check_name(name)
        digest = hashlib.sha256(content).hexdigest()
        with self._journal.locked():
            named = self.names().get(name) or Named(name)
            known = next((one for one in named.versions.values() if one.sha256 == digest), None)
            self._put(digest, content)
            if known is not None:
                return known
            number = max((event.version for event in named.events), default=0) + 1
            event = self._event(What.ADD, name, number, reason, sha256=digest, file=file, **told)
            return Version(number, self._journal.append(event))

    def promote(self, name: str, number: int, *, reason: str = "", force: bool = False, by: str = "") -> Event:
        """Makes a version the active one; `by` says who asked, where it is not whoever runs this process.

        Raises:
            UsageError: There is none such; it is active; or it was never compared with the active one, or came off
                worse, and not `force`.
            BrokenRegistry, Tampered: Its file is not the one that was added.
        """
        with self._journal.locked():
            named = self.named(name)
            version, active = named.version(number), named.active
            if active is version:
                raise UsageError(f"{name}@{number} is active already")
            if active is not None and not force:
                _check_compared(name, version, active)
            self.check(version)
            event = self._event(What.PROMOTE, name, number, reason, by, sha256=version.sha256, forced=force)
            return self._journal.append(event)

    def rollback(self, name: str, *, reason: str = "", by: str = "") -> Event:
        """Makes the version active again that was so before; the event has that version. `by` as in `promote`.

        Raises:
            UsageError: No other version was active before.
            BrokenRegistry, Tampered: Its file is not the one that was added.
        """
        with self._journal.locked():
            named = self.named(name)
            if named.previous is None:
                raise UsageError(f"no other version of {name} was active before; nothing to go back to")
            self.check(named.previous)
            number, sha256 = named.previous.number, named.previous.sha256
            return self._journal.append(self._event(What.ROLLBACK, name, number, reason, by, sha256=sha256))

    def remove(self, name: str, number: int, *, reason: str = "") -> None:
        """Takes a version away, and its file where nothing else has the same; its number is not used again.

        Raises:
            UsageError: There is none such, or it is active.
        """
        with self._journal.locked():
            names = self.names()
            named = _found(names, name, self.folder)
            version = named.version(number)
            if named.active is version:
                raise UsageError(f"{name}@{number} is active; promote another version first")
            self._journal.append(self._event(What.REMOVE, name, number, reason, sha256=version.sha256))
            others = (one for named in names.values() for one in named.versions.values() if one is not version)
            if all(one.sha256 != version.sha256 for one in others):
                self.place_of(version).unlink(missing_ok=True)

    def shadowed(
        self, name: str, number: int, against: Version, found: dict[str, Any], *, reason: str = "", by: str = ""
    ) -> Event:
        """Writes down that a version was seen beside another, and what came out. `by` as in `promote`."""
        with self._journal.locked():
            version = self.named(name).version(number)
            event = self._event(
                What.SHADOW, name, number, reason, by, sha256=version.sha256, against=against.sha256, found=found
            )
            return self._journal.append(event)

    def _put(self, digest: str, content: bytes) -> None:
        folder = self.folder / OBJECTS
        try:
            folder.mkdir(exist_ok=True)
            for part in folder.glob(".*.part"):  # of a writer that died
                part.unlink(missing_ok=True)
            place = folder / f"{digest}.oddflow"
            if place.exists() and hashlib.sha256(place.read_bytes()).hexdigest() == digest:
                return
            with whole_file(str(place)) as file:
                file.write(content)
            sync_folder(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {reason_of(error)}; make room") from None

    def _event(self, what: What, name: str, number: int, reason: str, by: str = "", **told: Any) -> Event:
        if len(reason) > 4_096:
            raise UsageError(f"the reason has {len(reason):,} characters; at most 4,096 are kept")
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        words: dict[str, Any] = {key: _whole(value) if isinstance(value, str) else value for key, value in told.items()}
        return Event(
            what=what, at=at, by=_whole(by) or _person(), name=name, version=number, reason=_whole(reason), **words
        )


def open_name(text: str, folder: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """The file that a word means, and what to call it: a file of that name, else a model of the registry.

    Args:
        text: A path, or a name like "office" or "office@3".
        folder: Of the registry; the user's own unless given.

    Returns:
        The path, and "name@version" or the path again.

    Raises:
        UsageError: The registry has none such.
        Tampered, BrokenRegistry: Its file is not the one that was added.
    """
    wanted = reference(text)
    if wanted is None or Path(text).exists():
        return text, text
    registry = Registry(folder)
    if folder is None and wanted[0] not in registry.names():
        return text, text  # nobody spoke of a registry: the file is missing
    version = registry.find(*wanted)
    return str(registry.check(version)), f"{wanted[0]}@{version.number}"


def _found(names: dict[str, Named], name: str, folder: Path) -> Named:
    if name not in names:
        known = ", ".join(list(names)[:8]) or "none yet; add one with `oddflow models add FILE --name NAME`"
        raise UsageError(f"the registry {folder} has no model {name!r}; it has {known}")
    return names[name]


def _check_compared(name: str, version: Version, active: Version) -> None:
    compared = version.comparison_with(active.sha256)
    both = f"{name}@{version.number}", f"{name}@{active.number}"
    if compared is None:
        raise UsageError(
            f"{both[0]} was never seen beside {both[1]}, which is active; compare them "
            f"(`oddflow models shadow {name} {version.number} SOURCE…`), or say --force"
        )
    if compared.found.get(KEEP):
        raise UsageError(
            f"{both[0]} came off worse than {both[1]} when it was seen beside it on {compared.at}; "
            "keep that, or say --force and why (--reason)"
        )


def _whole(text: str) -> str:
    """Text that can be written as UTF-8: names of files need not be."""
    return text.encode("utf-8", "replace").decode()


def _person() -> str:
    """Whose process this is; a name in the environment could be anyone's."""
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return f"uid {os.getuid()}"
