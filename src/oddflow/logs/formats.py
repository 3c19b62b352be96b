"""The formats that a source may have, told by their first bytes; each is read by a file of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from oddflow.capture.stream import ByteStream
from oddflow.logs.binetflow import is_binetflow, read_binetflow
from oddflow.logs.csv_table import is_csv_table, read_csv_table
from oddflow.logs.nfcapd import is_nfcapd, read_nfcapd
from oddflow.logs.suricata import is_eve, read_eve
from oddflow.logs.zeek import is_zeek, read_conn
from oddflow.losses import Ledger


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that was opened.

    Attributes:
        source: As it was given: a path, a URL or `-`. Files beside it are looked for where it is a path.
        name: What messages call it: never with a password.
        first: Its first bytes, decompressed; `capture.stream.FIRST_BYTES` where it has so many.
        ledger: Told of all that is lost, with the line.
        grows: Whether it is followed: what lies beside it grows, too.
    """

    source: str
    name: str
    first: bytes
    ledger: Ledger
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of record that other tools write.

    Attributes:
        name: In words: "Zeek conn.log".
        recognises: Whether a source begins like one; takes its first bytes.
        read: Batches of the flow schema from the source's plain bytes; an empty batch now and then where a stream
            that grows has nothing new.
        grows: Whether `--follow` reads it while it is written.
    """

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[ByteStream, Opened], Iterator[pa.RecordBatch]]
    grows: bool = False


FORMATS: tuple[Format, ...] = (
    Format("Zeek conn.log (TSV, JSON)", is_zeek, read_conn, grows=True),
    Format("Suricata eve.json", is_eve, read_eve, grows=True),
    Format("Argus binetflow", is_binetflow, read_binetflow, grows=True),
    Format("nfcapd", is_nfcapd, read_nfcapd),
    Format("a flow table (CSV)", is_csv_table, read_csv_table, grows=True),
)
"""In the order in which they are tried."""


def format_of(first: bytes) -> Format | None:
    """The format of a source that begins with these bytes."""
    return next((known for known in FORMATS if known.recognises(first)), None)
