"""`evaluate`: detectors side by side where attacks are known."""

import pytest

from .call import call
from .captures import SCANNED, SCANNER, capture


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "day.pcap").write_bytes(capture(seed=3))
    (folder / "next.pcap").write_bytes(capture(scan=True, seed=4))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan\n")
    return folder


def test_detectors_of_all_kinds_of_input_stand_beside_each_other(place):
    outcome = call(
        "evaluate", place / "next.pcap", "--baseline", place / "day.pcap", "--truth", place / "truth.csv", "--detector",
        "robust-pca:variance=0.9", "--detector", "packet-markov-chain", "--json",
    )  # fmt: skip
    assert outcome.code == 0
    tabular, packets = outcome.json
    assert (tabular["detector"], packets["detector"]) == ("robust-pca:variance=0.9", "packet-markov-chain")
    assert tabular["area"]["low"] > 0.9
    assert tabular["graph_bytes"] > 1_000
    assert tabular["learnt"] == packets["learnt"] > 200


def test_a_detector_of_pyod_is_named_by_its_class(place):
    pytest.importorskip("pyod")
    given = ("--baseline", place / "day.pcap", "--truth", place / "truth.csv", "--detector", "pyod:ECOD")
    outcome = call("evaluate", place / "next.pcap", *given)
    assert outcome.code == 0
    line = next(line for line in outcome.out.splitlines() if "pyod:ECOD" in line)
    assert "normal rows" in line
    assert line.split()[-1] == "no"
    assert "120 attacks, by capture" in outcome.err


def test_what_cannot_be_sealed_is_not_learnt(place):
    pytest.importorskip("pyod")
    outcome = call("learn", place / "day.pcap", "--detector", "pyod:ECOD", "-o", place / "none.oddflow")
    assert outcome.code == 2
    assert "pyod cannot be sealed as a model; `oddflow evaluate` compares it" in outcome.message
    assert not (place / "none.oddflow").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{next}",), "expected either SOURCE… with --truth"),
        (("--truth", "{truth}"), "expected either SOURCE… with --truth"),
        (("{next}", "--truth", "{truth}", "--dataset", "office"), "expected either SOURCE…"),
        (("{next}", "--truth", "{truth}", "--detector", "magic"), "there is no detector 'magic'"),
        (("{next}", "--truth", "{truth}", "--detector", "robust-pca:depth=3"), "has no option 'depth'"),
        (("{day}", "--truth", "{truth}", "--detector", "robust-pca"), "are attacks; both are needed"),
        (("--dataset", "moon"), "moon"),
    ],
)
def test_what_cannot_be_compared_says_why(place, words, said):
    names = {"next": place / "next.pcap", "day": place / "day.pcap", "truth": place / "truth.csv"}
    outcome = call("evaluate", *(word.format(**names) for word in words))
    assert outcome.code == 2
    assert said in outcome.message
