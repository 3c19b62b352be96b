"""What lies beside a conn.log is joined by uid, packed and rotated or not, in bounded memory."""

import json

import pytest
from tests.logs.zeek_make import as_json, log, read, tsv, write

from oddflow.logs import zeek, zeek_beside

DNS = ("ts", "uid", "query", "qtype", "qtype_name", "rcode")
HTTP = ("ts", "uid", "method", "host", "user_agent", "status_code")
SSL = ("ts", "uid", "version", "server_name", "ja3")


def beside(tmp_path, suffix=".log"):
    log(tmp_path / f"dns{suffix}", DNS, (1, "C1", "a.example", 28, "AAAA", 0), (1, "C1", "b.example", 1, "A", 3))
    log(tmp_path / f"http{suffix}", HTTP, (1, "C2", "GET", "c.example", r"x\\y\xff", 200))
    log(tmp_path / f"ssl{suffix}", SSL, (1, "C3", "TLSv13", "d.example", "-"), (1, "C4", "unknown-1", "-", "abc"))
    write(tmp_path / f"conn{suffix}", tsv(*({"uid": f"C{n}"} for n in range(6))))
    return tmp_path / f"conn{suffix}"


@pytest.mark.parametrize(
    "suffix", [".log", ".log.gz", ".2024-01-01-00-00-00-01-00-00.log.gz", ".00:00:00-01:00:00.log", "-2024-01-01.log"]
)
def test_records_with_the_same_uid_are_joined(tmp_path, suffix):
    rows, ledger = read(beside(tmp_path, suffix))
    by_uid = {row["record_id"]: row for row in rows}
    assert [by_uid["C1"][name] for name in ("dns_query", "dns_type", "dns_rcode")] == ["a.example", "AAAA", 0]
    told = [by_uid["C2"][name] for name in ("http_method", "http_host", "http_user_agent", "http_status")]
    assert told == ["GET", "c.example", r"x\x5cy\xff", 200]
    assert [by_uid["C3"][name] for name in ("tls_sni", "tls_server_version", "ja3")] == ["d.example", "TLS 1.3", None]
    assert [by_uid["C4"][name] for name in ("tls_sni", "tls_server_version", "ja3")] == [None, None, "abc"]
    assert not any(by_uid["C5"][name] for name in ("dns_query", "http_host", "tls_sni"))
    assert ledger.complete
    assert ledger.notes == []


def test_json_beside_a_table(tmp_path):
    path = beside(tmp_path)
    record = {"ts": 1.5, "uid": "C1", "query": "j.example", "qtype": 33, "rcode": 3, "answers": ["x"]}
    (tmp_path / "dns.log").write_text(json.dumps(record) + "\n")
    row = next(row for row in read(path)[0] if row["record_id"] == "C1")
    assert (row["dns_query"], row["dns_type"], row["dns_rcode"]) == ("j.example", "SRV", 3)


def test_a_connection_that_crossed_a_rotation_is_found_in_the_log_before(tmp_path):
    early, late = "2024-01-01-00-00-00-01-00-00", "2024-01-01-01-00-00-02-00-00"
    log(tmp_path / f"dns.{early}.log.gz", DNS, (1, "C1", "early.example", 1, "A", 0))
    log(tmp_path / f"dns.{late}.log.gz", DNS, (2, "C2", "late.example", 1, "A", 0))
    write(tmp_path / f"conn.{late}.log.gz", tsv({"uid": "C1"}, {"uid": "C2"}))
    rows, _ = read(tmp_path / f"conn.{late}.log.gz")
    assert [row["dns_query"] for row in rows] == ["early.example", "late.example"]


def test_lines_beside_that_cannot_be_read_are_told_and_cost_no_flow(tmp_path):
    path = beside(tmp_path)
    (tmp_path / "dns.log").write_text((tmp_path / "dns.log").read_text() + "nonsense\n")
    rows, ledger = read(path)
    assert len(rows) == 6
    assert ledger.complete
    [note] = ledger.notes
    assert note.startswith(f"{tmp_path}/dns.log: 1 record not joined: ")
    assert note.endswith("dns.log, line 6)")


@pytest.mark.parametrize(
    "content",
    ["", "#separator \\x09\n#path\tdns\n#fields\tts\tquery\n", "#separator \\x09\n#path\tweird\n#fields\tts\tuid\n"],
)
def test_a_log_beside_that_is_none_is_told(tmp_path, content):
    path = beside(tmp_path)
    (tmp_path / "dns.log").write_text(content)
    rows, ledger = read(path)
    assert len(rows) == 6
    assert [note for note in ledger.notes if note.startswith("not joined: ") and "dns.log" in note]


def test_values_that_fit_no_column_are_null(tmp_path):
    path = beside(tmp_path)
    log(tmp_path / "dns.log", DNS, (1, "C1", "a.example", 99999, "-", 4095))
    log(tmp_path / "http.log", HTTP, (1, "C2", "-", "-", "-", 99))
    rows = {row["record_id"]: row for row in read(path)[0]}
    assert (rows["C1"]["dns_type"], rows["C1"]["dns_rcode"]) == ("TYPE99999", None)
    assert rows["C2"]["http_status"] is None


def test_what_waits_is_bounded_and_what_is_given_up_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(zeek_beside, "WAITING_BYTES", 200_000)
    monkeypatch.setattr(zeek_beside, "BLOCK_BYTES", 1 << 14)
    count = 10_000
    log(tmp_path / "dns.log", DNS, *((n / 1000, f"C{n}", f"host{n}.example", 1, "A", 0) for n in range(count)))
    # all connections end late: their records cannot all wait
    write(tmp_path / "conn.log", as_json(*({"uid": f"C{n}", "ts": count / 1000} for n in range(count))))
    rows, ledger = read(tmp_path / "conn.log")
    joined = [row["dns_query"] for row in rows if row["dns_query"]]
    assert 500 < len(joined) < count // 2
    assert joined == [f"host{n}.example" for n in range(count - len(joined), count)]  # the latest waited
    [note] = ledger.notes
    assert f"dns.log: {count - len(joined):,} records given up before their connections ended" in note


def test_records_are_read_ahead_only_as_far_as_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(zeek_beside, "WAITING_BYTES", 200_000)
    monkeypatch.setattr(zeek_beside, "BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(zeek, "JSON_BLOCK_BYTES", 1 << 17)
    count = 10_000
    log(tmp_path / "dns.log", DNS, *((n, f"C{n}", f"host{n}.example", 1, "A", 0) for n in range(count)))
    write(tmp_path / "conn.log", as_json(*({"uid": f"C{n}", "ts": n + 5} for n in range(count))))
    rows, ledger = read(tmp_path / "conn.log")
    assert sum(row["dns_query"] == f"host{place}.example" for place, row in enumerate(rows)) == count
    assert ledger.notes == []
