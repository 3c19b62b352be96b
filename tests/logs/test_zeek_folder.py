"""Folders of Zeek's logs, as its tools leave them."""

import pytest
from tests.capture.build import ether, ipv4, pcap, udp
from tests.logs.zeek_make import as_json, log, read, tsv, write

from oddflow.errors import Unreadable, UsageError
from oddflow.logs.folder import log_to_follow
from oddflow.logs.source import arrange
from oddflow.losses import Ledger

CAPTURE = pcap([(1, 0, ether(ipv4(udp(b"hello"))))])


def names(folder, ledger=None):
    return [source.removeprefix(f"{folder}/") for source in arrange([str(folder)], ledger or Ledger())]


def test_rotated_logs_come_in_the_order_of_time(tmp_path):
    for day in ("2024-01-02", "2024-01-01"):
        (tmp_path / day).mkdir()
        for hour in ("01:00:00-02:00:00", "00:00:00-01:00:00"):
            write(tmp_path / day / f"conn.{hour}.log.gz", tsv({}))
            log(tmp_path / day / f"dns.{hour}.log.gz", ("ts", "uid", "query"), (1, "C1", "a.example"))
    (tmp_path / "current").mkdir()
    write(tmp_path / "current" / "conn.log", as_json({}))
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "conn.log", as_json({}))
    assert names(tmp_path) == [
        "2024-01-01/conn.00:00:00-01:00:00.log.gz", "2024-01-01/conn.01:00:00-02:00:00.log.gz",
        "2024-01-02/conn.00:00:00-01:00:00.log.gz", "2024-01-02/conn.01:00:00-02:00:00.log.gz", "current/conn.log",
    ]  # fmt: skip


def test_other_files_are_told_and_logs_that_are_joined_are_not(tmp_path):
    write(tmp_path / "conn.log", tsv({}))
    write(tmp_path / "conn.2024-01-01-00-00-00-01-00-00.log", tsv({}))
    log(tmp_path / "dns.log", ("ts", "uid"), (1, "C1"))
    write(tmp_path / "notes.txt", "nothing")
    write(tmp_path / "weird.log", '{"ts":1}\n')
    ledger = Ledger()
    assert names(tmp_path, ledger) == ["conn.2024-01-01-00-00-00-01-00-00.log", "conn.log"]
    assert ledger.notes == [f"{tmp_path}: no logs of flows, passed over: notes.txt, weird.log"]


def test_a_log_is_known_by_its_content(tmp_path):
    write(tmp_path / "anything", as_json({}))
    assert names(tmp_path) == ["anything"]


def test_captures_and_logs_in_one_folder_are_refused(tmp_path):
    write(tmp_path / "conn.log", tsv({}))
    write(tmp_path / "x.pcap", CAPTURE)
    with pytest.raises(UsageError, match=r"both captures \(x.pcap: 1 file\) and logs \(conn.log: 1 file\)"):
        names(tmp_path)


def test_a_folder_of_neither_is_refused(tmp_path):
    write(tmp_path / "dns.log", '{"ts":1,"uid":"C1","id.orig_h":"10.0.0.1"}\n')
    with pytest.raises(Unreadable, match="holds no capture"):
        names(tmp_path)


def test_the_log_that_is_followed_is_the_one_that_grows(tmp_path):
    write(tmp_path / "conn.2024-01-01-00-00-00-01-00-00.log", tsv({}))
    assert log_to_follow(str(tmp_path)) is None
    write(tmp_path / "conn.log", tsv({}))
    assert log_to_follow(str(tmp_path)) == str(tmp_path / "conn.log")
    (tmp_path / "current").mkdir()
    write(tmp_path / "current" / "conn.log", tsv({}))
    with pytest.raises(UsageError, match="several logs that may grow"):
        log_to_follow(str(tmp_path))


def test_real_logs_give_a_flow_a_line(shared):
    folders = shared / "formats"
    lines = {
        folders / "test9-mixed-zeek-dir" / "conn.log": 576, folders / "test10-mixed-zeek-dir" / "conn.log": 141,
        folders / "test14-malicious-zeek-dir" / "conn.log": 5, folders / "zeek-vertical-scan.conn.log": 50,
        shared / "stratosphere-zeek" / "002" / "conn.log.gz": 4504,
    }  # fmt: skip
    for path, count in lines.items():
        rows, ledger = read(path)
        assert (path, len(rows), ledger.complete) == (path, count, True)


def test_real_logs_are_joined_with_what_lies_beside(shared):
    rows, _ = read(shared / "formats" / "test9-mixed-zeek-dir" / "conn.log")
    counts = {
        name: sum(row[name] is not None for row in rows) for name in ("dns_query", "http_host", "tls_server_version")
    }
    assert counts == {"dns_query": 208, "http_host": 109, "tls_server_version": 205}


def test_real_labels_are_counted_as_their_owners_count_them(shared):
    def labels(path):
        rows, ledger = read(path)
        assert ledger.complete
        found = [row["label"] for row in rows]
        return {label: found.count(label) for label in set(found)}

    assert labels(shared / "iot-23" / "conn.log.labeled.gz") == {
        "Benign": 1923, "Malicious: C&C": 6706, "Malicious: DDoS": 14394, "Malicious: PartOfAHorizontalPortScan": 122,
    }  # fmt: skip
    logs = [labels(shared / "stratosphere-zeek" / name / "conn.log.labeled.gz") for name in ("008", "010", "011")]
    assert sum(sum(counts.values()) for counts in logs) == 20_058
    assert [counts["Malicious: External-Attack-to-Device"] for counts in logs] == [4201, 3373, 3951]
