"""Every statistic of 200 flows, held against what scapy's packets give."""

import random
from collections import defaultdict
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from tests.flows.scapy_flows import columns_of
from tests.flows.scapy_packets import key_of, read

from oddflow import api
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import APPLICATION_COLUMNS, COLUMNS, NAMING_COLUMNS

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "captures"
FLOWS, FLOWS_A_CAPTURE, SEED = 200, 5, 20_171
LARGEST = 600_000
NOT_COMPUTED = {"end_reason"} | {column.name for column in (*APPLICATION_COLUMNS, *NAMING_COLUMNS)}
"""What is no statistic: why a flow ended (tests/flows/test_meter.py), what its first bytes say and the names that it is
given (tests of their own, with golden values)."""


def captures():
    """Captures small enough for scapy, in an order set by the seed; those that ship with Oddflow where none are."""
    found = sorted(path for path in DATA.rglob("*.pcap*") if path.stat().st_size < LARGEST)
    random.Random(SEED).shuffle(found)
    return found or sorted(api.examples().glob("*.pcap.zst"))


def rows_of(batches):
    """Flow batches as a list of dictionaries, times in ns."""
    rows = []
    for batch in batches:
        columns = [c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
        values = zip(*(column.to_pylist() for column in columns), strict=True)
        rows += [dict(zip(batch.schema.names, row, strict=True)) for row in values]
    return rows


def packets_of(path, tmp):
    """scapy's packets of a capture by flow key, without those of hosts that send fragments."""
    if path.suffix == ".zst":
        plain = tmp / "plain.pcap"
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as packed:
            plain.write_bytes(packed.read(LARGEST))
        path = plain
    by_key, errors = defaultdict(list), defaultdict(list)
    for seen in read(path) or ():
        by_key[key_of(seen)].append(seen)
        if seen.quoted:
            errors[seen.quoted].append(seen)
    return path, by_key, errors


@cache
def chosen(tmp):
    """(capture, our row, scapy's packets of it, ICMP errors that speak of it) of the flows that are compared."""
    rng, found = random.Random(SEED), []
    for capture in captures():
        path, by_key, errors = packets_of(capture, tmp)
        rows = rows_of(read_flows(str(path), Ledger()))
        rng.shuffle(rows)
        wanted = FLOWS_A_CAPTURE if capture.suffix != ".zst" else FLOWS // 2
        first = {seen.number: key for key, packets in by_key.items() for seen in packets}
        flows = [(path.name, row, by_key[first[row["first_packet"]]]) for row in rows if row["first_packet"] in first]
        found += [
            (
                name,
                row,
                [p for p in packets if row["start"] <= p.time_ns <= row["end"]],
                [e for e in errors[key_of(packets[0])] if row["start"] <= e.time_ns and e.number > row["first_packet"]],
            )
            for name, row, packets in flows
            if row["tunnel"] is None and not any(p.fragment for p in packets)
        ][:wanted]
        if len(found) >= FLOWS:
            break
    return found[:FLOWS]


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    found = chosen(tmp_path_factory.mktemp("scapy"))
    assert len(found) == FLOWS
    return found


def test_every_column_is_computed_independently(flows):
    computed = set(columns_of(flows[0][2])) | NOT_COMPUTED
    missing = [column.name for column in COLUMNS if column.name not in computed]
    assert not missing, f"tests/flows/scapy_flows.py does not compute {', '.join(missing)}"


def is_same(column, ours, scapys):
    if column.endswith("entropy") and ours is not None and scapys is not None:
        return ours == pytest.approx(scapys, abs=1e-5)
    return ours == scapys


@pytest.mark.slow
def test_statistics_are_those_of_scapys_packets(flows):
    wrong = []
    for name, row, packets, errors in flows:
        expected = columns_of(packets, errors)
        differ = {c: (row[c], value) for c, value in expected.items() if not is_same(c, row[c], value)}
        if differ:
            wrong.append(f"{name}, flow of packet {row['first_packet']}: (ours, scapy's) {differ}")
    assert not wrong, f"{len(wrong)} of {len(flows)} flows differ\n" + "\n".join(wrong[:10])


def test_the_flows_are_of_many_kinds(flows):
    rows = [row for _, row, _, _ in flows]
    assert {6, 17} <= {row["protocol"] for row in rows}
    assert sum(row["reverse_packets"] > 0 for row in rows) > FLOWS // 3
    assert sum(row["forward_packets"] + row["reverse_packets"] > 5 for row in rows) > FLOWS // 10
