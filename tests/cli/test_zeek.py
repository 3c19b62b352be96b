"""Zeek's logs from the command line: learnt on a capture, detected in a log, watched as it grows."""

import json
import threading
import time

import pyarrow as pa
import pytest

import oddflow
from oddflow.schema import protocol_name
from tests.logs.zeek_make import tsv, write

from .call import call
from .captures import SCANNER


def conn_log(capture):
    """What Zeek would say of a capture's flows: a header, and lines in the order in which they ended."""
    names = ["start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "icmp_type", "icmp_code"]
    names += [f"{way}_{what}" for way in ("forward", "reverse") for what in ("packets", "bytes")]
    table = pa.Table.from_batches(oddflow.flows(capture)).select(names).sort_by("end")
    for name in ("start", "end"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    lines = []
    for place, row in enumerate(table.to_pylist()):
        if row["protocol"] == 0:  # ARP is none of Zeek's connections
            continue
        is_icmp = row["icmp_type"] is not None
        lines.append(
            {
                "uid": f"C{place}", "ts": f"{row['start'] / 1e9:.6f}", "id.orig_h": row["src_ip"],
                "id.orig_p": row["icmp_type"] if is_icmp else row["src_port"], "id.resp_h": row["dst_ip"],
                "id.resp_p": row["icmp_code"] if is_icmp else row["dst_port"],
                "proto": "icmp" if is_icmp else protocol_name(row["protocol"]),
                "duration": f"{(row['end'] - row['start']) / 1e9:.6f}", "orig_pkts": row["forward_packets"],
                "orig_ip_bytes": row["forward_bytes"], "resp_pkts": row["reverse_packets"],
                "resp_ip_bytes": row["reverse_bytes"], "orig_bytes": "-", "resp_bytes": "-",
            }
        )  # fmt: skip
    return tsv(*lines)


@pytest.fixture(scope="module")
def zeek(office, tmp_path_factory):
    """A folder with the incident as a conn.log, and a portable model of the capture before it."""
    folder = tmp_path_factory.mktemp("zeek")
    write(folder / "conn.log", conn_log(office.incident))
    learnt = call("learn", office.baseline, "-o", folder / "any.oddflow", "--detector", "robust-pca", "--portable")
    assert learnt.code == 0, learnt
    return folder


def alerts(path):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((a["src_ip"], a["dst_ip"], a["dst_port"], a["score"]) for a in found)


def test_a_model_of_captures_finds_the_scanner_in_zeeks_log(zeek, tmp_path):
    found = call("detect", zeek / "conn.log", "-m", zeek / "any.oddflow", "-o", tmp_path / "a.jsonl")
    assert found.code == 0, found
    assert any(alert[0] == SCANNER for alert in alerts(tmp_path / "a.jsonl"))


def test_a_log_that_is_watched_as_it_grows_gives_the_alerts_of_detect(zeek, tmp_path):
    assert call("detect", zeek / "conn.log", "-m", zeek / "any.oddflow", "-o", tmp_path / "a.jsonl").code == 0
    lines = (zeek / "conn.log").read_text().splitlines(keepends=True)
    growing = tmp_path / "conn.log"
    growing.write_text("".join(lines[:20]))

    def append():
        for start in range(20, len(lines), 400):
            time.sleep(0.1)
            with growing.open("a") as file:
                file.write("".join(lines[start : start + 400]))

    writer = threading.Thread(target=append)
    writer.start()
    words = ("-m", zeek / "any.oddflow", "-o", tmp_path / "b.jsonl", "--duration", "6", "--json", "--patience", "400")
    watched = call("watch", growing, *words)
    writer.join()
    assert watched.code == 0, watched
    assert watched.json["flows"] == len(lines) - 7
    assert watched.json["ledger"]["lost"] == 0
    assert alerts(tmp_path / "b.jsonl") == alerts(tmp_path / "a.jsonl")
    assert watched.json["alerts"] == len(alerts(tmp_path / "a.jsonl"))


def test_a_log_is_followed_into_a_table(zeek, tmp_path):
    done = call("flows", "--follow", zeek / "conn.log", "-o", tmp_path / "x.parquet", "--duration", "1", "--json")
    assert done.code == 0, done
    assert call("flows", tmp_path / "x.parquet", "--json").json["flows"] == done.json["flows"] > 500


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-i", "lo"), "one of the three"),
        (("--filter", "tcp"), "--filter goes with -i or --netflow"),
        (("--count", "9"), "--count goes with -i or --netflow"),
    ],
)
def test_watch_refuses_what_does_not_go_with_a_log(zeek, words, why):
    refused = call("watch", zeek / "conn.log", "-m", zeek / "any.oddflow", *words)
    assert refused.code == 2
    assert why in refused.err.replace("\n", " ")


def test_watch_refuses_a_model_that_needs_more_than_zeek_knows(zeek, office):
    refused = call("watch", zeek / "conn.log", "-m", office.model, "--duration", "2")
    assert refused.code == 2
    assert "oddflow learn --portable" in refused.err.replace("\n", " ")


def test_watch_does_not_write_over_the_log(zeek):
    refused = call("watch", zeek / "conn.log", "-m", zeek / "any.oddflow", "-o", zeek / "conn.log")
    assert refused.code == 2
    assert "is the source" in refused.err
