"""`oddflow learn --update`: what it takes, what it says, what it refuses."""

import pytest

from .call import call
from .captures import capture


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    path = tmp_path_factory.mktemp("update") / "day.pcap"
    path.write_bytes(capture(seed=7))
    return path


def test_a_model_is_learnt_on_and_detects(office, day, tmp_path):
    new = tmp_path / "new.oddflow"
    done = call("learn", day, "--update", office.model, "-o", new, "--json")
    assert done.code == 0, done
    assert done.json["compared"]["tested"] > 0
    assert "flows learnt, 0 left out" in done.json["learnt"]
    assert done.json["manifest"]["training"]["begun_from"].startswith("learnt on from robust-pca")
    assert call("detect", office.incident, "-m", new).code == 0
    told = call("learn", day, "--update", office.model, "-o", new)
    assert "alerts before, " in told.err


def test_traffic_under_attack_is_refused_and_writes_nothing(office, tmp_path):
    new = tmp_path / "new.oddflow"
    refused = call("learn", office.incident, "--update", office.model, "-o", new)
    assert refused.code == 2
    assert "under attack, or has drifted" in refused.message
    assert not new.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--detector", "histograms"],
        ["--option", "epochs=2"],
        ["--portable"],
        ["--idle-timeout", "5"],
        ["--home-net", "10.0.0.0/8"],
        ["--report", "page.html"],
    ],
)
def test_what_is_the_model_s_is_not_given(office, day, tmp_path, words):
    refused = call("learn", day, "--update", office.model, "-o", tmp_path / "new.oddflow", *words)
    assert refused.code == 2
    assert "are the model's" in refused.message


def test_the_old_model_is_not_overwritten_and_feedback_needs_it(office, day, tmp_path):
    assert "is read, too" in call("learn", day, "--update", office.model, "-o", office.model).message
    (tmp_path / "rules.jsonl").write_text("")
    alone = call("learn", day, "--feedback", tmp_path / "rules.jsonl", "-o", tmp_path / "new.oddflow")
    assert "--feedback goes with --update" in alone.message


def test_drift_is_in_the_json_of_detect(office):
    found = call("detect", office.baseline, "-m", office.model, "--json").json
    assert found["drift"] == []
