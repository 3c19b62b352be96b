"""What is on the stream: flows as an Arrow IPC stream that says its own schema, and beside them who sent them.

A record without flows only tells how far its sender has come.
"""

import json
from dataclasses import dataclass

import pyarrow as pa

from oddflow.errors import InputError
from oddflow.logs.record import flow_batches
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

VERSION = 1
HEADER = "oddflow"
LONGEST_BODY = 64 << 20
NAME = "the stream"
COLUMNS = frozenset(FLOW_SCHEMA.names)
ID = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands in the header of a record.

    Attributes:
        sender: Who sent it: a sensor's source, 32 hexadecimal digits.
        run: How often that was begun.
        number: Which of the records of that run it is; in a partition, later ones have greater numbers.
        of: How many partitions the sender knows.
        seen_ns: All its flows that ended before this, less time-outs, were sent, ns since 1970.
        sent_ns: When it was made, by the sender's clock, ns since 1970.
        rows: Flows in it.
        ended: The sender ends; it holds nobody up from here on.
    """

    sender: str
    run: int
    number: int
    of: int
    seen_ns: int
    sent_ns: int
    rows: int = 0
    ended: bool = False

    def as_bytes(self) -> bytes:
        """For the header."""
        told = [VERSION, self.sender, self.run, self.number, self.of, self.seen_ns, self.sent_ns, self.rows, self.ended]
        return json.dumps(told).encode()

    @classmethod
    def parse(cls, content: bytes) -> "Head":
        """From a header; anybody may have written it.

        Raises:
            InputError: It is none.
        """
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            raise InputError("a record's header is no JSON") from None
        match told:
            case [int(version), *_] if version != VERSION:
                raise InputError(f"a record is of version {version}; this version of Oddflow reads {VERSION}")
            case [_, str(sender), int(run), int(number), int(of), int(seen), int(sent), int(rows), bool(ended)]:
                counts = (run, number, of, seen, sent, rows)
                if len(sender) == 32 and set(sender) <= ID and all(0 <= one < 1 << 62 for one in counts):
                    return cls(sender, run, number, of, seen, sent, rows, ended)
        raise InputError("a record's header holds other than sender, run, number and times")


def body_of(flows: list[pa.RecordBatch]) -> bytes:
    """Flows as an Arrow IPC stream; empty for none."""
    if not flows:
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, flows[0].schema) as writer:
        for batch in flows:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def flows_of(body: bytes, ledger: Ledger) -> list[pa.RecordBatch]:
    """The flows in a body, as this version's flow table has them.

    Columns that this version does not know are left out, and those that the sender does not know are empty. Flows
    without time, address, port or protocol are lost.

    Args:
        body: Anybody may have written it.
        ledger: Told of the flows that are used and lost.

    Raises:
        InputError: It cannot be read.
    """
    if not body:
        return []
    if len(body) > LONGEST_BODY:
        raise InputError(f"a record holds {len(body):,} bytes; expected {LONGEST_BODY:,} at most")
    try:
        with pa.ipc.open_stream(body) as stream:
            batches = list(stream)
        found: list[pa.RecordBatch] = []
        for batch in batches:
            batch.validate(full=True)  # Arrow takes offsets as they are, and would follow wrong ones
            names = batch.schema.names
            if len(set(names)) < len(names):
                raise InputError("a record's flows cannot be read: a column is there twice")
            columns = {name: batch.column(place) for place, name in enumerate(names) if name in COLUMNS}
            found += flow_batches(columns, NAME, ledger)
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        raise InputError(f"a record's flows cannot be read: {error}") from None
    return found
