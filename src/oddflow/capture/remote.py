"""Sources by URL, through fsspec: any protocol that it knows, read in blocks; and names without their secrets."""

import re
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from oddflow.errors import Unreadable, UsageError
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


def open_remote(url: str, ledger: Ledger) -> RemoteBytes:
    """Opens a URL for reading from its start to its end; nothing but the blocks at hand is held.

    Raises:
        UsageError: The extra that reads URLs is not installed.
        Unreadable: The URL cannot be opened.
    """
    name = shown(url)
    fsspec = _fsspec(name)
    try:
        filesystem, path = fsspec.core.url_to_fs(url, **_options(url))
        # HTTP is read in one answer: of a block that breaks off, nothing would be had
        file = filesystem.open(path, "rb", block_size=0 if _is_http(url) else REQUEST_BYTES)
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
    return RemoteBytes(file, name, ledger)


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
