"""Pages of learning, and curves, from the command line."""

import pytest

from .call import call, left, refused


def test_learning_writes_a_page_of_itself(tmp_path, office):
    page = tmp_path / "learning.html"
    learnt = call("learn", office.baseline, "-o", tmp_path / "m.oddflow", "--detector", "robust-pca", "--report", page)
    assert learnt.code == 0
    assert f"page in {page}" in learnt.err
    assert "robust-pca learnt" in page.read_text()


def test_a_network_writes_its_curves(tmp_path, office):
    pytest.importorskip("torch")
    page, model = tmp_path / "learning.html", tmp_path / "m.oddflow"
    words = ("--detector", "autoencoder", "--option", "epochs=6", "--report", page)
    learnt = call("learn", office.baseline, "-o", model, *words)
    assert learnt.err.count("fit 5: 6 epochs") == 1
    assert "still learning" in learnt.err
    assert "validation of the 4 other fits" in page.read_text()
    again = tmp_path / "inspected.html"
    assert call("inspect", model, "--report", again).code == 0
    assert "in 6 epochs" in again.read_text()


def test_a_page_takes_no_place_of_another(tmp_path, office):
    model = tmp_path / "m.oddflow"
    refused(call("learn", office.baseline, "-o", model, "--report", model), "another name")
    refused(call("inspect", office.model, "--report", office.model), "another name")
    refused(call("curves", office.baseline, "--report", office.baseline), "another name")
    refused(call("curves", office.baseline, "--report", tmp_path), "is a directory")
    assert left(tmp_path) == []


def test_more_and_more_rows(tmp_path, office):
    page = tmp_path / "curves.html"
    words = ("curves", office.baseline, "--detector", "robust-pca")
    told = call(*words, "--rows", "30,60", "--seeds", "2", "--report", page, "--json")
    assert told.code == 0
    assert told.err == ""
    assert [(trial["rows"], trial["seed"]) for trial in told.json["trials"]] == [(30, 0), (30, 1), (60, 0), (60, 1)]
    assert told.json["trials"][0]["validation_loss"] is None
    assert told.json["measure"] == "mean score"
    assert "robust-pca" in page.read_text()
    shown = call(*words)
    assert "validation" in shown.out
    assert "one seed" in shown.err


def test_attacks_judge_where_they_are_known(office):
    words = ("curves", office.incident, "--labels", office.truth, "--detector", "robust-pca", "--rows", "30,60")
    told = call(*words, "--json")
    assert told.json["attacks"] > 0
    assert all(0 <= trial["validation_area"] <= 1 for trial in told.json["trials"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "SOURCE… or --dataset"),
        (("x.pcap", "--dataset", "nsl-kdd"), "SOURCE… or --dataset"),
        (("x.pcap", "--vary", "components=1/2", "--rows", "5"), "give one of them"),
        (("x.pcap", "--rows", "many"), "whole numbers"),
        (("x.pcap", "--vary", "hidden"), "at least two values"),
        (("x.pcap", "--vary", "nosuch=1/2"), "no option 'nosuch'"),
        (("--dataset", "nsl-kdd", "--labels", "t.csv"), "labels of its own"),
    ],
)
def test_a_wrong_call_is_refused(words, said):
    refused(call("curves", *words, "--detector", "robust-pca"), said)
