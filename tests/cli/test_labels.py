"""`learn --labels`: a capture and what its flows are, to a model that finds the attack again."""

import json
import subprocess
import sys

import pytest

from .call import call
from .captures import SCANNED, SCANNER, capture

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    (folder / "day.pcap").write_bytes(capture(scan=True, seed=3))
    (folder / "next.pcap").write_bytes(capture(scan=True, seed=4))
    header = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what,category"
    (folder / "truth.csv").write_text(f"{header}\n*,*,{SCANNER},*,{SCANNED},*,*,scan,probe\n")
    return folder


def test_a_labelled_capture_teaches_what_an_attack_is(place):
    model = place / "scan.oddflow"
    words = ("learn", place / "day.pcap", "--labels", place / "truth.csv", "--detector", "random-forest", "-o", model)
    learnt = call(*words, "--option", "trees=20", "--json")
    assert learnt.code == 0
    assert learnt.json["detector"] == "random-forest"
    assert learnt.json["options"] == {"trees": 20, "seed": 0}
    found = call("detect", place / "next.pcap", "-m", model, "--truth", place / "truth.csv", "--json").json
    assert found["truth"]["attacks"][0]["best_rank"] == 1


def test_rare_attacks_are_made_and_counted(place, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr("oddflow.training.samples.EPOCHS", 2)
    model = place / "more.oddflow"
    words = ("learn", place / "day.pcap", "--labels", place / "truth.csv", "--detector", "naive-bayes", "-o", model)
    learnt = call(*words, "--augment", "vae", "--augment-to", "1", "--json")
    assert learnt.code == 0
    made = learnt.json["training"]["made_rows"]
    assert made > 0
    assert f"({made:,} of them made)" in call("inspect", model).out
    assert f"{made:,} by vae, to a share of 1, learnt from alone" in " ".join(call("inspect", model).out.split())


def test_normal_flows_are_learnt_as_another_sensor_would_have_seen_them(place):
    model = place / "otherwise.oddflow"
    words = ("learn", place / "day.pcap", "--detector", "packet-markov-chain", "-o", model)
    learnt = call(*words, "--augment", "traffic:loss=0.2:pad=0", "--augment-to", "1", "--json")
    assert learnt.code == 0
    training = learnt.json["training"]
    assert 0 < training["made_rows"] <= training["fit_rows"] / 2
    assert training["compared_rows"] > training["calibration_rows"]
    assert "made rows" in call("inspect", model).out
    refused = call(*words, "--portable", "--detector", "robust-pca", "--augment", "traffic:loss=0.2")
    assert refused.code == 2
    assert "offers jitter, not loss" in refused.message


def test_a_network_tells_which_kind_of_attack_it_likeliest_is(place, tmp_path):
    words = ("--detector", "feed-forward-network", "--option", "learning_rate=0.01")
    learnt = call("learn", place / "day.pcap", "--labels", place / "truth.csv", *words, "-o", tmp_path / "m", "--json")
    assert learnt.json["classes"] == ["normal", "probe"]
    alerts, report = tmp_path / "a.jsonl", tmp_path / "x.html"
    found = call("detect", place / "next.pcap", "-m", tmp_path / "m", "-o", alerts, "--report", report)
    assert "likeliest probe" in " ".join(found.out.split())
    assert "\N{REPLACEMENT CHARACTER}" not in found.out
    assert "probe, " in report.read_text()
    alert = json.loads(alerts.read_text().splitlines()[0])
    assert (alert["src_ip"], alert["category"]) == (SCANNER, "probe")
    assert alert["category_probability"] > 0.5
    told = call("explain", alerts, alert["id"])
    assert f"likeliest     probe, {alert['category_probability']:.0%}" in told.out


@pytest.mark.parametrize(("payload", "columns"), [("session", 784), ("flow", 1_568)])
def test_bytes_are_learnt_with_labels(place, tmp_path, payload, columns):
    words = ("--detector", "convolutional-network", "--option", "epochs=1", "--payload", payload)
    learnt = call("learn", place / "day.pcap", "--labels", place / "truth.csv", *words, "-o", tmp_path / "m", "--json")
    assert (learnt.json["feature_schema_version"], len(learnt.json["features"])) == ("image-1", columns)
    assert call("detect", place / "next.pcap", "-m", tmp_path / "m").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--detector", "random-forest"), "give --labels TRUTH.csv"),
        (("--labels", "{truth}", "--merge"), "leave out how flows are cut"),
        (
            ("--labels", "{truth}", "--detector", "random-forest", "--option", "depth=3"),
            "has no option 'depth'; write NAME=VALUE",
        ),
        (
            ("--labels", "{truth}", "--detector", "random-forest", "--option", "trees"),
            "cannot be ''; expected one like 100",
        ),
        (
            ("--labels", "{truth}", "--detector", "random-forest", "--option", "trees=many"),
            "cannot be 'many'; expected one like 100",
        ),
        (("--labels", "{truth}", "--detector", "random-forest", "--option", "seed=3"), "NAME=VALUE"),
        (("--labels", "{truth}", "--detector", "naive-bayes", "--augment", "more"), "conditional-gan, wgan-gp, vae"),
        (("--detector", "robust-pca", "--augment", "vae"), "learns from normal rows alone"),
        (("--labels", "nowhere.csv", "--detector", "random-forest"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_learnt_so_says_why(place, words, said):
    given = [word.format(truth=place / "truth.csv") for word in words]
    outcome = call("learn", place / "day.pcap", *given, "-o", place / "none.oddflow")
    assert outcome.code == 2
    assert said in outcome.message


@pytest.mark.slow
def test_where_it_scores_neither_torch_nor_scikit_learn_is_needed(place):
    model = place / "alone.oddflow"
    assert call("learn", place / "day.pcap", "--detector", "isolation-forest", "-o", model).code == 0
    code = """
import sys
sys.modules["sklearn"] = sys.modules["torch"] = None
from oddflow.cli.main import main
main()
"""
    words = ["detect", str(place / "next.pcap"), "-m", str(model), "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "flows" in json.loads(done.stdout)
