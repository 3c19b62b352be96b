"""Captures and logs with labels; the capture is one of two TCP connections and a ping that scapy writes."""

import numpy as np
import pytest
from scapy.all import ICMP, IP, TCP, Ether, Raw, wrpcap

from oddflow import datasets
from oddflow.errors import InputError, UsageError
from oddflow.features.representation import Reads
from oddflow.losses import Ledger
from tests.datasets.given import classes, rows_of

BEGIN = 1_700_000_000
A, B, C = "10.0.0.1", "10.0.0.2", "192.0.2.3"


def packet(src, sport, dst, dport, at, flags="PA"):
    found = Ether() / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags) / Raw(b"hello")
    found.time = BEGIN + at
    return found


@pytest.fixture
def capture(tmp_path):
    """Packets 1 to 3 are of A with B, 4 and 5 of C with B, 6 is a ping of C, 7 one of A with B much later."""
    ping = Ether() / IP(src=C, dst=B) / ICMP() / Raw(b"x")
    ping.time = BEGIN + 5
    found = [
        packet(A, 1000, B, 80, 0), packet(B, 80, A, 1000, 1), packet(A, 1000, B, 80, 2), packet(C, 2000, B, 22, 3),
        packet(B, 22, C, 2000, 4), ping, packet(A, 1000, B, 80, 4_000),
    ]  # fmt: skip
    wrpcap(str(tmp_path / "x.pcap"), found)
    return tmp_path


def read_packets(folder, lines, **more):
    (folder / "x.csv").write_text(lines)
    known = {"kind": "packets", "labels": ["normal", "attack"], "names": ["normal", "attack"]}
    return rows_of("packets", folder, "x.pcap", truth="x.csv", **known, **more)


def labelled(*attacks, count=7):
    return "".join(f"{number};{int(number in attacks)}\n" for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("attacks", "flows"), [((), 0), ((2,), 1), ((1, 2, 3), 1), ((3, 4, 6), 3), ((7,), 1), ((1, 7), 2)]
)
def test_a_flow_is_an_attack_where_any_of_its_packets_is(capture, attacks, flows):
    rows = read_packets(capture, labelled(*attacks))
    assert len(rows) == 4
    assert rows.is_attack.sum() == flows
    assert rows.ledger.notes == []


@pytest.mark.parametrize("reads", [Reads.TABULAR, Reads.PACKETS])
def test_labels_of_another_capture_are_refused(capture, reads):
    for count in (8, 6):
        with pytest.raises(InputError, match=rf"7 packets, and {count} are labelled"):
            read_packets(capture, labelled(count=count), reads=reads)


def test_packets_are_rows_of_their_own_where_a_detector_scores_packets(capture):
    rows = read_packets(capture, labelled(2, 6), reads=Reads.PACKETS)
    assert np.flatnonzero(rows.is_attack).tolist() == [1, 5]
    assert rows.x.shape == (7, 100)
    assert rows.times_ns[0] == BEGIN * 10**9
    weight = [feature.name for feature in rows.features].index("host_weight_100s")
    assert rows.x[2, weight] > rows.x[0, weight] == 1  # A has sent to B before
    with pytest.raises(UsageError, match="give the capture itself"):
        rows_of("flows", capture, "x.pcap", kind="captures", reads=Reads.PACKETS)


def test_rules_and_the_label_of_a_section(capture):
    rules = [{"src_ip": C, "label": "flood"}]
    rows = rows_of("flows", capture, "x.pcap", kind="captures", labels=["benign", "flood"], label="benign", rules=rules)
    assert classes(rows) == {"benign": 2, "flood": 2}
    assert set(rows.ends.column("src_ip").to_pylist()) == {A, C}
    assert (rows.times_ns[1:] >= rows.times_ns[:-1]).all()


def truth_file(folder, *rows):
    (folder / "truth.csv").write_text("start,end,src_ip,src_port,dst_ip,dst_port,protocol,label\n" + "\n".join(rows))
    return folder / "truth.csv"


def test_any_capture_with_a_truth_file(capture):
    truth = truth_file(capture, f"*,*,{C},*,{B},22,tcp,guessing", f"*,*,{C},*,{B},23,tcp,other")
    rows = datasets.load_labelled([capture / "x.pcap"], truth)
    assert classes(rows) == {"benign": 3, "guessing": 1}
    assert rows.is_attack.sum() == 1
    assert rows.features[0].name == "service"
    assert any("1 of 2 truth rows match no flow (lines 3)" in note for note in rows.ledger.notes)


def test_a_source_that_knows_less_gives_portable_features(tmp_path):
    names = (
        "start,end,src_ip,src_port,dst_ip,dst_port,protocol,forward_packets,reverse_packets,forward_bytes,reverse_bytes"
    )
    row = f"2023-11-14T22:13:20Z,2023-11-14T22:13:21Z,{C},2000,{B},22,6,3,2,300,200"
    (tmp_path / "x.csv").write_text(f"{names},label\n{row},guessing\n{row},\n")
    ledger = Ledger()
    rows = datasets.load_labelled([tmp_path / "x.csv"], ledger=ledger)
    assert classes(rows) == {"benign": 1, "guessing": 1}
    assert "forward_length_mean" in {feature.name for feature in rows.features}
    assert ledger.metered == 2


def test_a_set_without_flows_gives_none():
    with pytest.raises(UsageError, match="has no flows"):
        next(datasets.flows("nsl-kdd", "."))


def test_the_office_comes_with_oddflow():
    found = list(datasets.flows("office", parts=["test"]))
    labels = {label for batch in found for label in batch.column("label").to_pylist()}
    assert labels == {"benign", "port scan", "password guessing", "slow http", "dns tunnel"}
