"""What Zeek's other logs say of the same connections: joined by uid, in bounded memory."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.amounts import count
from oddflow.capture.following import GrowingFile
from oddflow.capture.remote import is_local, is_url, local_path, shown
from oddflow.capture.stream import plain_bytes
from oddflow.errors import InputError
from oddflow.flows.application import AGENT_CHARACTERS, HOST_CHARACTERS, METHOD_CHARACTERS, dns_type_name
from oddflow.logs.texts import safe_texts
from oddflow.logs.waiting import Waiting
from oddflow.logs.zeek_fields import Field, Kind
from oddflow.logs.zeek_names import beside
from oddflow.logs.zeek_records import Records, ZeekLog
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

WAITING_BYTES = 48 << 20
"""Of each log: some 400,000 DNS records."""

BLOCK_BYTES = 1 << 20

TLS_VERSIONS = {
    "SSLv2": "SSL 2.0", "SSLv3": "SSL 3.0", "TLSv10": "TLS 1.0", "TLSv11": "TLS 1.1", "TLSv12": "TLS 1.2",
    "TLSv13": "TLS 1.3", "DTLSv10": "DTLS 1.0", "DTLSv12": "DTLS 1.2", "DTLSv13": "DTLS 1.3",
}  # fmt: skip
DRAFT = "TLSv13-draft"
VERSION_CHARACTERS, HASH_CHARACTERS, BANNER_CHARACTERS = 32, 64, 255
LEAST_STATUS, MOST_STATUS = 100, 999

Columns = dict[str, Any]
TEXT, COUNT = Kind.TEXT, Kind.COUNT


@dataclass(frozen=True, slots=True)
class Other:
    """One of Zeek's other logs: its name, the fields that are read, and the flow columns made of them."""

    kind: str
    fields: tuple[Field, ...]
    columns: Callable[[Records], Columns]


def _text(records: Records, name: str, limit: int) -> Any:
    return safe_texts(records.columns[name], limit, escaped=records.is_escaped)


def _dns(records: Records) -> Columns:
    kinds = records.columns["qtype"].dictionary_encode()
    names = pa.array(
        [None if kind is None else dns_type_name(kind) for kind in kinds.dictionary.to_pylist()], TEXT_TYPE
    )
    return {
        "dns_query": _text(records, "query", HOST_CHARACTERS),
        "dns_type": pc.coalesce(names.take(kinds.indices), _text(records, "qtype_name", VERSION_CHARACTERS)),
        "dns_rcode": _up_to(records.columns["rcode"], 0, 255),
    }


def _ssl(records: Records) -> Columns:
    known = records.columns["version"].dictionary_encode()
    names = pa.array([_tls_version(text or "") for text in known.dictionary.to_pylist()], TEXT_TYPE)
    return {
        "tls_sni": _text(records, "server_name", HOST_CHARACTERS),
        "tls_server_version": names.take(known.indices),
        "ja3": _text(records, "ja3", HASH_CHARACTERS),
        "ja4": _text(records, "ja4", HASH_CHARACTERS),
    }


def _tls_version(text: str) -> str | None:
    if text.startswith(DRAFT) and text.removeprefix(DRAFT).isdigit():
        return f"TLS 1.3 draft {int(text.removeprefix(DRAFT)[:3])}"
    return TLS_VERSIONS.get(text)


def _http(records: Records) -> Columns:
    return {
        "http_method": _text(records, "method", METHOD_CHARACTERS),
        "http_host": _text(records, "host", HOST_CHARACTERS),
        "http_user_agent": _text(records, "user_agent", AGENT_CHARACTERS),
        "http_status": _up_to(records.columns["status_code"], LEAST_STATUS, MOST_STATUS),
    }


def _ssh(records: Records) -> Columns:
    return {
        "ssh_client": _text(records, "client", BANNER_CHARACTERS),
        "ssh_server": _text(records, "server", BANNER_CHARACTERS),
    }


def _up_to(counts: Any, least: int, most: int) -> Any:
    fits = pc.and_(pc.greater_equal(counts, least), pc.less_equal(counts, most))
    return pc.if_else(fits, counts, pa.scalar(None, pa.uint64()))


TEXT_TYPE = pa.string()
COMMON = (Field("ts", Kind.TIME), Field("uid", TEXT))
OTHERS = (
    Other(
        "dns",
        (*COMMON, Field("query", TEXT), Field("qtype", COUNT), Field("qtype_name", TEXT), Field("rcode", COUNT)),
        _dns,
    ),
    Other(
        "ssl",
        (
            *COMMON,
            Field("version", TEXT),
            Field("server_name", TEXT),
            Field("ja3", TEXT, is_rare=True),
            Field("ja4", TEXT, is_rare=True),
        ),
        _ssl,
    ),
    Other(
        "http",
        (*COMMON, Field("method", TEXT), Field("host", TEXT), Field("user_agent", TEXT), Field("status_code", COUNT)),
        _http,
    ),
    Other("ssh", (*COMMON, Field("client", TEXT), Field("server", TEXT)), _ssh),
)


class Beside(AbstractContextManager["Beside"]):
    """The other logs beside a conn.log.

    They are written as things happen, and a connection when it has ended: so their records are read ahead, up to the
    time of the connections that are asked for and, while there is room, further; and wait.

    Args:
        places: The files of each kind, in the order of time.
        opened: The conn.log.
    """

    def __init__(self, places: list[tuple[Other, list[Path]]], opened: "Opened") -> None:
        self._logs = [_Log(other, paths, opened) for other, paths in places]

    @classmethod
    def of(cls, opened: "Opened") -> "Beside":
        """Those that are there; none where the conn.log is no local file."""
        if opened.source == "-" or (is_url(opened.source) and not is_local(opened.source)):
            return cls([], opened)
        path = Path(local_path(opened.source))
        found = [(other, beside(path, other.kind)) for other in OTHERS]
        return cls([(other, paths) for other, paths in found if paths], opened)

    def joined(self, uids: Any, latest_us: int) -> Columns:
        """What is known of n connections, as columns of the flow table; those of logs that are not there are absent.

        Args:
            uids: Zeek's ids, (n,) strings.
            latest_us: When the last of them ended, in microseconds.
        """
        columns: Columns = {}
        for log in self._logs:
            columns |= log.joined(uids, latest_us)
        return columns

    def __exit__(self, *_: object) -> None:
        """Closes the logs, and says what was not joined."""
        for log in self._logs:
            log.close()


class _Log:
    """One log, read ahead."""

    def __init__(self, other: Other, paths: list[Path], opened: "Opened") -> None:
        self._other = other
        self._opened = opened
        self._ledger = Ledger("records")
        self._names = [shown(str(path)) for path in paths]
        self._latest_us = -(1 << 62)
        self._is_over = False
        self._records = self._read(paths)
        wanted = {field.name for field in FLOW_SCHEMA}
        empty = other.columns(
            Records({field.name: _none(field) for field in other.fields}, np.empty(0, np.int64), False)
        )
        self._schema = pa.schema([FLOW_SCHEMA.field(name) for name in empty if name in wanted])
        self._waiting = Waiting(self._schema, WAITING_BYTES)

    def joined(self, uids: Any, latest_us: int) -> Columns:
        while not self._is_over and (self._latest_us <= latest_us or self._waiting.bytes < WAITING_BYTES // 2):
            try:
                records = next(self._records)
            except StopIteration:
                self._is_over = True
            except InputError as error:
                self._is_over = True
                self._opened.ledger.noted(f"not joined: {error}")
            else:
                if records is None:  # it grows, and nothing has come
                    break
                self._add(records)
        return self._waiting.take(uids)

    def close(self) -> None:
        self._records.close()
        told, names = self._opened.ledger, " and ".join(self._names)
        if self._ledger.lost_total:
            why = self._ledger.told(self._ledger.reasons.most_common(1)[0][0])
            told.noted(f"{names}: {count(self._ledger.lost_total, 'record')} not joined: {why}")
        for text in self._ledger.damages:
            told.noted(f"not joined from there on: {text}")
        if self._waiting.given_up:
            told.noted(
                f"{names}: {count(self._waiting.given_up, 'record')} given up before their connections ended, since "
                f"{WAITING_BYTES >> 20} MiB of them were waiting"
            )

    def _read(self, paths: list[Path]) -> Generator[Records | None, None, None]:
        for path, name in zip(paths, self._names, strict=True):
            log = ZeekLog(self._other.fields, name, self._ledger, needed=("ts", "uid"), path=self._other.kind)
            if self._opened.grows and path == paths[-1]:
                with path.open("rb") as file:
                    growing = GrowingFile(file, lambda: False, lambda: None)
                    yield from log.read(growing, block_bytes=BLOCK_BYTES)
                return
            with plain_bytes(str(path), self._ledger) as (_, stream):
                yield from log.read(stream, block_bytes=BLOCK_BYTES)

    def _add(self, records: Records) -> None:
        if not len(records.lines):
            return
        times = records.columns["ts"].drop_null().to_numpy(zero_copy_only=False)
        if len(times):
            self._latest_us = int(np.median(times))  # a single odd time must not stop the reading
        columns = self._other.columns(records)
        rows = pa.record_batch([columns[field.name].cast(field.type) for field in self._schema], schema=self._schema)
        self._waiting.add(_text(records, "uid", HASH_CHARACTERS), rows)


def _none(field: Field) -> Any:
    return pa.array([], {TEXT: pa.string(), COUNT: pa.uint64()}.get(field.kind, pa.int64()))
