"""`evaluate`: detectors side by side where attacks are known."""

import json

import pytest

from .call import call
from .captures import SCANNED, SCANNER, capture

OWN = """
title = "Own"
suite = "quick"
status = "protocol"
chosen = 2026-01-02
how = "nothing was tried"
seeds = 1
leak_checks = false
data.set = "office"
data.split = "official"
data.most_train = 500
data.most_test = 500
entries = [{ detector = "robust-pca" }]
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Draws few rounds."""
    monkeypatch.setattr("oddflow.evaluation.figures.RANKINGS", 20)
    monkeypatch.setattr("oddflow.evaluation.figures.ROUNDS", 50)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "day.pcap").write_bytes(capture(seed=3))
    (folder / "next.pcap").write_bytes(capture(scan=True, seed=4))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan\n")
    return folder


def test_detectors_stand_beside_each_other_on_ones_own_traffic(place):
    outcome = call(
        "evaluate", place / "next.pcap", "--baseline", place / "day.pcap", "--truth", place / "truth.csv", "--detector",
        "robust-pca:variance=0.9", "--detector", "packet-markov-chain", "--json",
    )  # fmt: skip
    assert outcome.code == 0
    (result,) = outcome.json["results"]
    assert [row["title"] for row in result["rows"][:2]] == ["robust-pca:variance=0.9", "packet-markov-chain"]
    given = ("--baseline", place / "day.pcap", "--truth", place / "truth.csv", "--seeds", "2")
    outcome = call(
        "evaluate", place / "next.pcap", *given, "--detector", "robust-pca:variance=0.9", "--json", "-o",
        place / "found.json", "--card", place / "card.html", "--card", place / "card.md",
    )  # fmt: skip
    assert outcome.code == 0
    (result,) = outcome.json["results"]
    first, constant, forest = result["rows"]
    assert (first["title"], constant["title"], forest["title"]) == (
        "robust-pca:variance=0.9", "constant", "isolation forest",
    )  # fmt: skip
    assert first["parts"]["test"]["figures"]["roc_auc"]["low"] > 0.9
    assert first["cost"]["sealed_bytes"] > 1_000
    assert first["decides"] == "1 % false alarms asked for"
    assert (result["label"], result["why"]) == ("exploratory", "chosen on the command line")
    assert (place / "card.html").read_text().startswith("<!doctype html>")
    assert "*Exploratory: chosen on the command line.*" in (place / "card.md").read_text()
    compared = (*given, "--detector", "robust-pca:variance=0.9", "--compare", place / "found.json")
    found = json.loads((place / "found.json").read_text())
    figure = found["results"][0]["rows"][0]["parts"]["test"]["figures"]["detection_rate"]
    figure |= {"value": 0.1, "low": 0.0, "high": 0.2}
    (place / "found.json").write_text(json.dumps(found))
    moved = call("evaluate", place / "next.pcap", *compared)
    assert moved.code == 5
    assert "exploratory: chosen on the command line" in moved.err
    assert "detection rate was 10.00 (0.00–20.00) and is" in moved.err


def test_a_detector_of_pyod_is_named_by_its_class(place):
    pytest.importorskip("pyod")
    given = ("--baseline", place / "day.pcap", "--truth", place / "truth.csv", "--detector", "pyod:ECOD")
    outcome = call("evaluate", place / "next.pcap", *given, "--false-alarms", "0.05")
    assert outcome.code == 0
    line = next(line for line in outcome.out.splitlines() if "pyod:ECOD" in line and "normal rows" in line)
    assert line.split()[-1] == "–"
    assert "5 % false" in outcome.out
    assert "120 of them attacks" in outcome.err


def test_a_suite_writes_its_tables_and_goes_on(tmp_path, monkeypatch):
    """Where the repository is not, a protocol of one's own does."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks" / "protocols").mkdir(parents=True)
    (tmp_path / "benchmarks" / "protocols" / "own.toml").write_text(OWN)
    (tmp_path / "results.md").write_text("# Results\n")
    outcome = call("evaluate", "--suite", "quick", "--write", "results.md", "--jobs", "1")
    assert outcome.code == 0
    text = (tmp_path / "results.md").read_text()
    assert text.startswith("# Results\n\n<!-- result own -->\n## Own")
    assert "*Exploratory: the protocol is not committed.*" in text
    assert (tmp_path / "benchmarks" / "results" / "own.json").exists()
    runs = sorted((tmp_path / "out" / "results" / "runs").iterdir())
    assert len(runs) == 3
    again = call("evaluate", "--suite", "all", "--only", "own", "--json")
    assert (
        again.json["results"][0]["date"]
        == json.loads((tmp_path / "benchmarks/results/own.json").read_text())["results"][0]["date"]
    )
    assert call("evaluate", "--suite", "papers").message.endswith("holds no protocol of the suite papers")


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
        (("--dataset", "office", "--suite", "quick"), "expected either SOURCE…"),
        (("--dataset", "office", "--only", "x"), "--only names protocols of a suite"),
        (("--dataset", "office", "--classes", "many"), "classes: Input should be 'two', 'categories' or 'own'"),
        (("--suite", "magic"), "there is no suite 'magic'; there are papers, anomaly, quick, all"),
        (("--protocol", "none.toml"), "none.toml cannot be read as a protocol"),
        (("--dataset", "office", "--detector", "reference:magic"), "there is no reference 'magic'"),
    ],
)
def test_what_cannot_be_compared_says_why(place, words, said):
    names = {"next": place / "next.pcap", "day": place / "day.pcap", "truth": place / "truth.csv"}
    outcome = call("evaluate", *(word.format(**names) for word in words))
    assert outcome.code == 2
    assert said in outcome.message
