"""`oddflow datasets list | check | get` and `learn --dataset`, as a shell sees them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from oddflow import api, datasets
from oddflow.datasets import registry
from oddflow.errors import SchemaMismatch
from oddflow.models.sealed import SealedModel

from ..datasets.given import described
from ..datasets.readers.test_kdd import line
from .call import call, refused


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A registry of one small set of our own, called own, and its folder."""
    chance = np.random.default_rng(0)
    rows = [line("normal", src_bytes=str(chance.integers(100, 200)), count=str(chance.integers(9))) for _ in range(60)]
    (tmp_path / "x.txt").write_text("".join([*rows, line("odd")]))
    one = described("kdd", "x.txt", labels=("normal", "odd"), rows=61, classes={"normal": 60, "odd": 1})
    monkeypatch.setattr(registry, "known", lambda: {"own": one})
    monkeypatch.delenv("ODDFLOW_DATA", raising=False)
    return tmp_path


def test_list_names_all_sets_and_what_is_not_read_says_why():
    shown = call("datasets", "list")
    assert shown.code == 0
    assert all(name in shown.out for name in registry.known())
    told = {one["name"]: one for one in call("datasets", "list", "--json").json}
    assert told["office"]["here"] == "here"
    assert (told["adfa-ld"]["here"], "system calls" in told["adfa-ld"]["reason"]) == ("not read", True)


def test_check_of_a_set_that_is_right_and_of_one_that_is_not(own):
    right = call("datasets", "check", "own", "--data", own)
    assert right.code == 0
    assert "61 rows, 2 classes" in right.out
    assert "nobody here has seen the file" in right.out
    (own / "x.txt").write_text(line("normal"))
    wrong = call("datasets", "check", "--data", own)
    assert wrong.code == 2
    assert "61 rows are known" in wrong.out
    assert "1 findings are wrong" in wrong.message


def test_check_of_a_set_that_is_absent_fails(own, tmp_path):
    (tmp_path / "empty").mkdir()
    assert call("datasets", "check", "own", "--data", tmp_path / "empty").code == 2
    everything = call("datasets", "check", "--data", tmp_path / "empty")
    assert (everything.code, "0 of 1 data sets" in everything.err) == (0, True)


def test_check_as_json(own):
    found = call("datasets", "check", "own", "--data", own, "--json").json
    assert [finding["verdict"] for finding in found["own"]] == ["unknown", "right"]


def test_get_copies_and_without_a_source_says_where_to_go(own, tmp_path):
    target = tmp_path / "data"
    target.mkdir()
    got = call("datasets", "get", "own", "--from", own, "--data", target)
    assert got.code == 0
    assert "no hash is known" in got.out
    assert (target / "x.txt").read_bytes() == (own / "x.txt").read_bytes()
    refused(call("datasets", "get", "own", "--data", target), "https://example.org/", "by hand", "--from FOLDER")


def test_what_is_not_read_is_not_checked_nor_got():
    refused(call("datasets", "check", "darpa-1998"), "DARPA 1998 cannot be read")
    refused(call("datasets", "get", "darpa-1998", "--from", "."), "DARPA 1998 cannot be read")
    refused(call("datasets", "check", "nslkdd"), "did you mean nsl-kdd?")


def test_the_office_is_checked_without_a_folder(monkeypatch):
    monkeypatch.delenv("ODDFLOW_DATA", raising=False)
    shown = call("datasets", "check", "office")
    assert shown.code == 0
    assert shown.out.count("right") == 3


def test_a_model_of_a_feature_set_scores_its_rows_and_refuses_flows(own, tmp_path):
    model = tmp_path / "own.oddflow"
    words = ("learn", "--dataset", "own", "--data", own, "--split", "stratified", "-o", model)
    learnt = call(*words, "--detector", "robust-pca")
    assert learnt.code == 0, learnt
    assert "rows of own, stratified" in learnt.err
    office = api.examples() / "office-incident.pcap.zst"
    refused(call("detect", office, "-m", model), "duration, protocol_type, service", "36 more", "feature-set own")
    assert "rows of that set" in call("inspect", model).out
    rows = datasets.load("own", own)
    sealed = SealedModel.load(model)
    sealed.check_features(rows.features)
    assert len(sealed.scores(rows.filled())) == 61
    with pytest.raises(SchemaMismatch, match="protocol_type"):
        api.detect(office, model=sealed)


def test_learn_wants_either_sources_or_a_set(own):
    refused(call("learn", "-o", own / "x.oddflow"), "either SOURCE… or --dataset")
    refused(call("learn", "x.pcap", "--dataset", "own", "-o", own / "x.oddflow"), "either SOURCE… or --dataset")
    refused(call("learn", "--dataset", "own", "--merge", "-o", own / "x.oddflow"), "leave out")
    refused(call("learn", "--dataset", "own", "--data", own, "-o", own / "x.oddflow"), "no official split")


def test_a_model_of_a_set_with_flows_serves_flows(tmp_path, monkeypatch):
    monkeypatch.delenv("ODDFLOW_DATA", raising=False)
    model = tmp_path / "office.oddflow"
    assert call("learn", "--dataset", "office", "-o", model, "--detector", "robust-pca").code == 0
    examples = api.examples()
    truth = Path(shutil.copy(examples / "office-incident.truth.csv", tmp_path / "truth.csv"))
    with truth.open("a") as file:
        file.write("2026-11-21T14:00:00Z,2026-11-21T14:00:01Z,10.20.0.104,1,10.20.0.53,1,tcp,nothing,other\n")
    found = call("detect", examples / "office-incident.pcap.zst", "-m", model, "--truth", truth, "--json").json
    assert found["truth"]["joined"] == {"rows": 2_012, "unmatched_rows": 1, "disputed_flows": 0}
    assert any("1 of 2,012 truth rows match no flow (lines 2013)" in remark for remark in found["remarks"])
