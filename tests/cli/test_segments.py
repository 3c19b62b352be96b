"""From labels of packets, or a truth, to alerts that say where in a flow or matrix an attack is."""

import json

import pytest

from .call import call, refused
from .captures import SCANNED, SCANNER, capture, packets_of

pytest.importorskip("torch")

QUICK = ("--option", "epochs=10", "--option", "batch_rows=16", "--option", "learning_rate=0.005")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    (folder / "day.pcap").write_bytes(capture(scan=True, seed=3))
    (folder / "next.pcap").write_bytes(capture(scan=True, seed=4))
    is_scan = [
        bytes(map(int, SCANNER.split("."))) in (frame[26:30], frame[30:34])
        for _, frame in packets_of(scan=True, seed=3)
    ]
    (folder / "day.csv").write_text("".join(f"{n};{int(label)}\n" for n, label in enumerate(is_scan, 1)))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan\n")
    return folder


def alerts(place, model):
    found = call("detect", place / "next.pcap", "-m", model, "-o", place / "a.jsonl")
    assert found.code == 0, found
    return [json.loads(line) for line in (place / "a.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_labels_of_packets_teach_which_packets_are_odd(place):
    model = place / "packets.oddflow"
    words = ("learn", place / "day.pcap", "--packet-labels", place / "day.csv", "--detector", "packet-segmentation")
    learnt = call(*words, "-o", model, *QUICK, "--option", "network=fcn", "--option", "widths=4,8")
    assert learnt.code == 0, learnt
    found = [alert for alert in alerts(place, model) if alert["src_ip"] == SCANNER]
    assert len(found) > 100
    assert all("packet's length" in alert["reasons"][0]["text"] for alert in found)


def test_a_truth_teaches_where_in_a_matrix_an_attack_is(place):
    model = place / "box.oddflow"
    words = ("learn", place / "day.pcap", "--labels", place / "truth.csv", "--detector", "attack-localiser")
    learnt = call(*words, "-o", model, *QUICK, "--matrix", "ports", "--matrix-slot", "1", "--json")
    assert learnt.code == 0, learnt
    assert learnt.json["feature_schema_version"] == "traffic-matrix-1"
    assert learnt.json["context"] == {"rows": "ports", "counts": "flows", "slot_s": 1.0, "max_hosts": 4096}
    found = [alert for alert in alerts(place, model) if alert["src_ip"] == SCANNER]
    assert len(found) > 60
    assert all("flows to ports" in alert["reasons"][0]["text"] for alert in found[:60])
    assert any("flows to ports 840–" in alert["reasons"][0]["text"] for alert in found)  # 1,000 to 1,119 were scanned


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--packet-labels", "day.csv", "--labels", "truth.csv"), "one of them alone"),
        (("--packet-labels", "truth.csv"), "truth.csv, line 1"),
        (("--packet-labels", "day.csv", "--merge"), "leave out how flows are cut"),
        (("--matrix", "ports", "--detector", "autoencoder"), "no traffic matrix; leave --matrix out"),
        (("--matrix", "ports", "--matrix-slot", "0", "--detector", "attack-localiser"), "0.01 to 3,600"),
    ],
)
def test_what_cannot_be_learnt_so_says_why(place, words, said):
    given = [str(place / word) if word.endswith(".csv") else word for word in words]
    refused(call("learn", place / "day.pcap", *given, "-o", place / "none.oddflow"), said)
