"""Signing, trusting, naming and comparing models, as a person does it."""

import json
import shutil
from types import SimpleNamespace

import pytest

from tests.evaluation.test_sealed_card import RESULTS

from .call import call, refused


@pytest.fixture(scope="module")
def made(office, tmp_path_factory):
    """Keys, a signed model, another one, and a registry of both of which the first is active."""
    folder = tmp_path_factory.mktemp("models")
    paths = SimpleNamespace(
        folder=folder,
        key=folder / "maker.key",
        public=folder / "maker.key.pub",
        signed=folder / "signed.oddflow",
        other=folder / "other.oddflow",
        registry=folder / "registry",
    )
    assert call("keys", "new", paths.key, "--signing").code == 0
    learnt = call(
        "learn", office.baseline, "-o", paths.signed, "--detector", "robust-pca", "--sign", paths.key, "--licence",
        "CC0-1.0", "--note", "a note", "--json",
    )  # fmt: skip
    assert learnt.json["licence"] == "CC0-1.0"
    assert call("learn", office.baseline, "-o", paths.other, "--detector", "isolation-forest").code == 0
    for file in (paths.signed, paths.other):
        assert call("models", "add", file, "--name", "office", "--registry", paths.registry).code == 0
    assert call("models", "promote", "office", "1", "--reason", "first", "--registry", paths.registry).code == 0
    return paths


@pytest.fixture
def registry(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made.registry, tmp_path / "registry")


def test_a_key_tells_what_it_is_and_nothing_more(made, tmp_path):
    shown = [call("keys", "show", path, "--json").json for path in (made.key, made.public)]
    assert [one["kind"] for one in shown] == ["signing", "public"]
    assert shown[0]["fingerprint"] == shown[1]["fingerprint"]
    call("keys", "new", tmp_path / "p.key")
    assert call("keys", "show", tmp_path / "p.key").out.endswith("for --pseudonymise\n")
    refused(call("keys", "new", made.key, "--signing"), "no key is ever overwritten")
    refused(call("keys", "show", tmp_path / "none"), "cannot be read")


def test_inspect_verifies_and_shows_it(made, office, tmp_path):
    told = call("inspect", made.signed, "--verify", made.public)
    assert "which you gave; the signature holds" in told.out
    assert "CC0-1.0" in told.out
    document = call("inspect", made.signed, "--json").json
    assert document["signature"]["fingerprint"] == call("keys", "show", made.key, "--json").json["fingerprint"]
    assert not document["signature"]["verified"]
    assert len(document["data_sha256"]) == 64
    refused(call("inspect", office.model, "--verify", made.public), "not signed")
    page = tmp_path / "page.html"
    assert call("inspect", made.signed, "--verify", made.public, "--report", page).code == 0
    assert "the signature holds" in page.read_text()


def test_a_signature_changes_no_alert(made, office):
    one, other = (call("detect", office.incident, "-m", path, "--json").json for path in (office.model, made.signed))
    assert one["rows"] == other["rows"]


def test_only_signed_models_are_taken_where_keys_are_trusted(made, office, tmp_path, monkeypatch):
    assert call("detect", office.incident, "-m", made.signed, "--trust", made.public).code == 0
    refused(call("detect", office.incident, "-m", office.model, "--trust", made.folder), "not signed", "models sign")
    refused(call("watch", office.incident, "-m", office.model, "--trust", made.public), "not signed")
    refused(call("detect", office.incident, "--trust", made.public), "name one with -m")
    monkeypatch.setenv("ODDFLOW_TRUST", str(made.public))
    refused(call("detect", office.incident, "-m", office.model), "not signed")
    refused(call("models", "add", office.model, "--registry", tmp_path / "r"), "not signed")
    own = tmp_path / "own.oddflow"
    assert call("models", "sign", office.model, "--key", made.key, "-o", own).code == 0
    assert call("detect", office.incident, "-m", own).code == 0


def test_a_card_is_shown_and_takes_the_signature_off(made, tmp_path):
    carded = tmp_path / "carded.oddflow"
    told = call("models", "card", made.signed, RESULTS / "office.json", "-o", carded)
    assert "sign it again" in told.message
    shown = call("inspect", carded)
    assert "robust-pca, test: ROC AUC" in shown.out
    assert "by nobody" in shown.out
    page = tmp_path / "page.html"
    call("inspect", carded, "--report", page)
    assert "not of these very weights" in page.read_text()
    refused(call("models", "card", made.other, RESULTS / "iot-23.json", "-o", tmp_path), "is a directory")


def test_names_and_versions_are_looked_up(made, office):
    by_file = call("detect", office.incident, "-m", made.signed, "--json").json
    for name in ("office", "office@1"):
        named = call("detect", office.incident, "-m", name, "--registry", made.registry, "--json")
        assert "model office@1" in named.err
        assert named.json["rows"] == by_file["rows"]
    assert call("inspect", "office@2", "--registry", made.registry, "--json").json["detector"] == "isolation-forest"
    refused(call("detect", office.incident, "-m", "office@9", "--registry", made.registry), "no version 9")
    refused(call("detect", office.incident, "-m", "nothing", "--registry", made.registry), "has no model 'nothing'")


def test_the_registry_is_listed_and_shown(made, monkeypatch):
    monkeypatch.setenv("ODDFLOW_REGISTRY", str(made.registry))
    assert "robust-pca" in call("models", "list").out
    (listed,) = call("models", "list", "--json").json["models"]
    assert (listed["active"], len(listed["versions"])) == (1, 2)
    events = call("models", "show", "office", "--json").json["events"]
    assert [event["what"] for event in events] == ["add", "add", "promote"]
    assert "promote office@1 (first)" in call("models", "show", "office").out
    refused(call("models", "show", "none"), "it has office")


def test_an_empty_registry_says_what_to_do(tmp_path):
    assert "models add" in call("models", "list", "--registry", tmp_path / "none").err


def test_a_candidate_is_compared_before_it_is_promoted(made, office, registry, tmp_path):
    given = ("--registry", registry)
    refused(call("models", "promote", "office", "2", *given), "never seen beside office@1")
    page = tmp_path / "shadow.html"
    shadow = call(
        "models", "shadow", "office", "2", office.incident, "--truth", office.truth, "--report", page, "--json", *given
    )
    found = shadow.json
    alerts = found["alerts"]
    assert alerts["both"] + alerts["only_active"] == found["active"]["alerts"]
    assert alerts["both"] + alerts["only_candidate"] == found["candidate"]["alerts"]
    by_itself = call("detect", office.incident, "-m", made.other, "--truth", office.truth, "--json").json
    (attack,) = by_itself["truth"]["attacks"]
    assert found["truth"]["attacks"] == [
        {"what": "port scan", "flows": 120, "active": found["truth"]["attacks"][0]["active"],
         "candidate": attack["alerts"]}
    ]  # fmt: skip
    assert found["truth"]["candidate_false"] == by_itself["truth"]["false_alerts"]
    assert found["candidate"]["threshold"] == by_itself["threshold"]["score"]
    assert found["recommendation"] in page.read_text()
    (event,) = [one for one in call("models", "show", "office", "--json", *given).json["events"] if "found" in one]
    assert event["found"]["recommendation"] == found["recommendation"]
    promoted = call("models", "promote", "office", "2", "--reason", "tried", *given)
    if found["recommendation"] == "keep the active model":
        refused(promoted, "came off worse")
        promoted = call("models", "promote", "office", "2", "--force", *given)
    assert promoted.message == "office@2 is active"
    assert call("models", "rollback", "office", *given).message == "office@1 is active"
    assert call("models", "remove", "office", "2", *given).code == 0


def test_a_model_beside_itself_agrees_with_itself(made, office):
    told = call("models", "shadow", "office", made.signed, office.incident, "--registry", made.registry)
    assert "rank correlation of scores 1.000" in told.out
    assert "of the active model alone 0, of the candidate alone 0" in told.out
    assert "both are the same model" in told.err
    assert "not noted in the registry" in told.err


def test_models_that_cut_flows_differently_are_not_compared(made, office, tmp_path):
    path = tmp_path / "short.oddflow"
    call("learn", office.baseline, "-o", path, "--detector", "robust-pca", "--idle-timeout", "60")
    compared = call("models", "shadow", "office", path, office.incident, "--registry", made.registry)
    refused(compared, "idle timeout s 300.0 and 60.0")


def test_a_model_without_payload_is_compared_with_one_that_looks_at_it(made, office, tmp_path):
    path = tmp_path / "bare.oddflow"
    call("learn", office.baseline, "-o", path, "--detector", "robust-pca", "--no-payload")
    compared = call("models", "shadow", "office", path, office.incident, "--registry", made.registry, "--json")
    by_itself = call("detect", office.incident, "-m", path, "-o", tmp_path / "a.jsonl", "--json").json
    groups = (tmp_path / "a.jsonl").read_text().count('"kind": "collective"')
    assert compared.json["candidate"]["alerts"] == sum(row["flows"] for row in by_itself["rows"]) - groups


def test_a_journal_of_others_ends_in_one_line(made, registry):
    path = registry / "journal.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], json.dumps({"what": "\u001b[31m"}), *lines[1:]]) + "\n")
    for words in (("list",), ("promote", "office", "2"), ("show", "office")):
        refused(call("models", *words, "--registry", registry), "line 2")
