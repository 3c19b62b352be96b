"""Zeek's logs made for tests."""

import gzip
import json
import re

from tests.logs.zeek_twin import FIELDS, HEADER

from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

RECORD = {
    "ts": 1700000000.5, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 40000, "id.resp_h": "10.0.0.2",
    "id.resp_p": 443, "proto": "tcp", "service": "ssl", "duration": 1.25, "orig_bytes": 500, "resp_bytes": 4000,
    "conn_state": "SF", "history": "ShADadFf", "orig_pkts": 9, "orig_ip_bytes": 980, "resp_pkts": 8,
    "resp_ip_bytes": 4420,
}  # fmt: skip


def tsv(*changes, fields=FIELDS, header=HEADER):
    """A log of records like RECORD, each with its changes."""
    lines = ("\t".join(str((RECORD | change).get(name, "-")) for name in fields) + "\n" for change in changes)
    return header + "".join(lines)


def as_json(*changes):
    """The same as JSON lines; a value None leaves the key out."""
    records = ({name: value for name, value in (RECORD | change).items() if value is not None} for change in changes)
    return "".join(json.dumps(record) + "\n" for record in records)


def log(path, fields, *records):
    """One of the other logs."""
    header = f"#separator \\x09\n#path\t{re.match('[a-z]+', path.name)[0]}\n#fields\t" + "\t".join(fields) + "\n"
    text = header + "".join("\t".join(map(str, record)) + "\n" for record in records)
    write(path, text)


def write(path, content):
    """A file, packed where its name says so."""
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def read(path):
    """The flows of a log as dicts, times in ns, and the ledger."""
    ledger = Ledger()
    rows = []
    for batch in read_flows(str(path), ledger):
        times = {name: batch.column(name).cast("int64").to_pylist() for name in ("start", "end")}
        for place, row in enumerate(batch.drop_columns(["start", "end"]).to_pylist()):
            rows.append(row | {name: values[place] for name, values in times.items()})
    return rows, ledger


def read_text(tmp_path, content, name="conn.log"):
    """As `read`, of this content."""
    write(tmp_path / name, content)
    return read(tmp_path / name)
