"""Sources by URL, through fsspec: any protocol that it knows, read in blocks; and names without their secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from oddflow.errors import OddflowError, Unreadable, UsageError
from oddflow.losses import Ledger

REQUEST_BYTES = 4 << 20
"""How much is asked for at a time, where files are read in parts."""

NOT_FOUND = 404
CONNECT_TIMEOUT_S = 30.0
SILENCE_TIMEOUT_S = 60.0
"""A server that says nothing for this long is given up."""

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_USER = re.compile(r"(://)(?:[^/?#\s'\"]*@|[^/?#\s'\"@:]+:(?!\d+[/?#])[^?#\s'\"]*@)")
_QUERY = re.compile(r"(://[^\s?#'\"]*\?)[^\s'\")]+")


def is_url(source: str) -> bool:
    """Whether a source is a URL.

    >>> is_url("https://example.org/x.pcap"), is_url("simplecache::s3://bucket/x.pcap"), is_url("C:/x.pcap")
    (True, True, False)
    """
    return bool(_SCHEME.match(source))


def is_local(source: str) -> bool:
    """Whether a URL is that of a local file."""
    return source.lower().startswith("file://")


def local_path(source: str) -> str:
    """The path that a `file://` URL means; any other source as it is."""
    if not is_local(source):
        return source
    parts = urlsplit(source)
    return unquote(parts.netloc.removeprefix("localhost") + parts.path)


def shown(text: str) -> str:
    """A source, or a message that quotes one, without users, passwords and what a query holds.

    >>> shown("https://ann:secret@example.org/x.pcap?token=abc")
    'https://example.org/x.pcap?…'
    >>> shown("plain.pcap")
    'plain.pcap'
    """
    return _QUERY.sub(r"\1…", _USER.sub(r"\1", text))


def is_remote_folder(source: str) -> bool:
    """Whether a URL stands for all that its server keeps under it: it ends in a slash, and servers of files can list.

    >>> is_remote_folder("s3://bucket/captures/"), is_remote_folder("https://example.org/")
    (True, False)
    """
    return source.endswith("/") and is_url(source) and not is_local(source) and not _is_http(source)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file under a URL.

    Attributes:
        url: What to open.
        bytes: Its size.
        mark: Changes when its content does: the entity tag, or when it was modified; "" where the server tells neither.
    """

    url: str
    bytes: int
    mark: str


class RemoteBytes:
    """The bytes of a remote file; a connection that breaks is a damage."""

    def __init__(self, file: Any, name: str, ledger: Ledger) -> None:
        self._file = file
        self._name = name
        self._ledger = ledger
        self._begun = False
        self._over = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            Unreadable: Nothing at all comes.
        """
        if self._over:
            return b""
        try:
            piece: bytes = self._file.read(size)
        except Exception as error:  # noqa: BLE001  (each protocol has errors of its own)
            if not self._begun:
                raise Unreadable(f"{self._name} cannot be read: {_reason(error)}") from None
            self._over = True
            self._ledger.damaged(f"{self._name}: the connection broke ({_reason(error)}); the rest is missing")
            return b""
        self._begun = True
        return piece

    def readinto(self, view: memoryview) -> int | None:
        """Fills the view from its start; how many bytes, 0 at the end."""
        piece = self.read(min(len(view), REQUEST_BYTES))
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Ends the connection."""
        self._file.close()


def open_remote(url: str, ledger: Ledger, *, start: int = 0) -> RemoteBytes:
    """Opens a URL for reading from byte `start` to its end; nothing but the blocks at hand is held.

    Raises:
        UsageError: The extra that reads URLs is not installed.
        Unreadable: The URL cannot be opened.
    """
    name = shown(url)
    with _told(name):
        filesystem, path = filesystem_of(url)
        # HTTP is read in one answer: of a block that breaks off, nothing would be had
        file = filesystem.open(path, "rb", block_size=0 if _is_http(url) else REQUEST_BYTES)
        if start:
            file.seek(start)
    return RemoteBytes(file, name, ledger)


def files_under(url: str) -> list[RemoteFile]:
    """All files under a URL, by name, those with a name or folder that begins with a dot left out.

    Raises:
        UsageError: The extra that reads URLs is not installed.
        Unreadable: It cannot be listed, or there is none.
    """
    name = shown(url)
    with _told(name):
        filesystem, path = filesystem_of(url)
        listed = filesystem.find(path, detail=True)
        files = [
            RemoteFile(filesystem.unstrip_protocol(place), int(told.get("size") or 0), _mark(told))
            for place, told in sorted(listed.items())
            if told.get("type") != "directory" and not place.endswith("/") and "/." not in place[len(path) - 1 :]
        ]
    if not files:
        raise Unreadable(f"{name} holds no file; check the URL")
    return files


def file_at(url: str) -> RemoteFile:
    """What a server tells of one file; raises as `open_remote`."""
    with _told(shown(url)):
        filesystem, path = filesystem_of(url)
        told = filesystem.info(path)
    return RemoteFile(url, int(told.get("size") or 0), _mark(told))


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path on it; raises what fsspec does, and UsageError without it."""
    return _fsspec(shown(url)).core.url_to_fs(url, **_options(url))  # type: ignore[no-any-return]


def _mark(told: dict[str, Any]) -> str:
    marks = (told.get(name) for name in ("ETag", "etag", "LastModified", "mtime", "created"))
    return next((str(mark) for mark in marks if mark), "")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tells what goes wrong with a URL as all sources do, without secrets."""
    try:
        yield
    except OddflowError:
        raise
    except ImportError as error:
        raise UsageError(f"{name} needs another package: {shown(str(error))}") from None
    except FileNotFoundError as error:
        cause = error.__cause__ or error  # HTTP says so whatever went wrong
        is_absent = isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) == NOT_FOUND
        why = "does not exist" if is_absent else f"cannot be opened: {_reason(cause)}"
        raise Unreadable(f"{name} {why}; check the URL") from None
    except PermissionError:
        raise Unreadable(f"{name} may not be read; check the credentials") from None
    except Exception as error:  # noqa: BLE001  (each protocol has errors of its own)
        raise Unreadable(f"{name} cannot be opened: {_reason(error)}; check the URL") from None


def _fsspec(name: str) -> ModuleType:
    try:
        import fsspec  # noqa: PLC0415  (an extra)
    except ImportError:
        raise UsageError(f"{name} is a URL; to read it: pip install 'oddflow[remote]'") from None
    return fsspec  # type: ignore[no-any-return]


def _options(url: str) -> dict[str, Any]:
    """Time-outs for HTTP: the library's own would cut a long read off after five minutes."""
    if not _is_http(url):
        return {}
    try:
        import aiohttp  # noqa: PLC0415  (an extra)
    except ImportError:
        return {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S)
    return {"client_kwargs": {"timeout": timeout, "trust_env": True}}


def _is_http(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _reason(error: BaseException) -> str:
    """What an error says, on one line, without secrets."""
    text = str(error).strip().splitlines()
    return shown(f"{type(error).__name__}: {text[0]}" if text else type(error).__name__)
