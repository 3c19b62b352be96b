"""`oddflow triage`, and `detect --triage`, as a shell calls them."""

import shutil

import pytest

from oddflow.verdicts.record import write_alerts
from tests.triage.make import office as alerts_of

from .call import call, refused


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A folder with alerts a and b, and a policy that was learnt on a."""
    folder = tmp_path_factory.mktemp("triage")
    for seed, name in enumerate("ab"):
        write_alerts(str(folder / f"{name}.jsonl"), alerts_of(name, seed).alerts)
    done = call(
        "triage", "learn", folder / "a.jsonl", "-o", folder / "p.oddflow", "--episodes", 64, "--queues", 8, "--json"
    )
    assert done.code == 0, done
    assert done.json["detector"] == "triage-policy"
    return folder


def test_a_policy_is_judged_on_captures_that_it_never_saw(learnt):
    words = ("triage", "evaluate", learnt / "b.jsonl", "-p", learnt / "p.oddflow", "--queues", 4, "--minutes", 20)
    found = call(*words, "--json").json
    assert [one["queues"] for one in found] == [1, 4]
    assert {line["name"] for line in found[0]["lines"]} >= {"policy", "score order", "random", "upper bound"}
    printed = call(*words)
    assert printed.out.count("| 20 | score order |") == 2


def test_it_is_not_judged_on_what_it_learnt(learnt):
    refused(call("triage", "evaluate", learnt / "a.jsonl", "-p", learnt / "p.oddflow"), "learnt on flows of it")


def test_inspect_shows_a_policy(learnt):
    shown = call("inspect", learnt / "p.oddflow")
    assert shown.code == 0
    assert "triage-policy" in shown.out
    assert "oddflow detect --triage" in shown.out


def test_detect_orders_rows_by_the_policy_and_loses_none(office, learnt):
    words = ("detect", office.incident, "-m", office.model, "--false-alarm-rate", 0.2, "--json")
    plain = call(*words).json
    ordered = call(*words, "--triage", learnt / "p.oddflow").json
    tops = [[row["top"]["id"] for row in found["rows"]] for found in (plain, ordered)]
    assert sorted(tops[0]) == sorted(tops[1])
    assert [row["rank"] for row in ordered["rows"]] == list(range(1, len(tops[1]) + 1))
    assert any("triage policy" in remark for remark in ordered["remarks"])
    assert not any("triage policy" in remark for remark in plain["remarks"])
    assert sorted(one["id"] for one in ordered["incidents"]) == sorted(one["id"] for one in plain["incidents"])


def test_a_detector_is_no_policy_and_a_policy_no_detector(office, learnt, tmp_path):
    refused(call("detect", office.incident, "-m", office.model, "--triage", office.model), "no triage policy")
    refused(call("detect", office.incident, "-m", learnt / "p.oddflow"), "triage-1")
    broken = tmp_path / "broken.oddflow"
    shutil.copy(learnt / "p.oddflow", broken)
    content = bytearray(broken.read_bytes())
    content[-200] ^= 255
    broken.write_bytes(content)
    refused(call("detect", office.incident, "-m", office.model, "--triage", broken), "broken.oddflow")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("learn", "absent.jsonl", "-o", "p.oddflow"), "absent.jsonl"),
        (("learn", "a.jsonl", "-o", "a.jsonl"), "is read, too"),
        (("evaluate", "b.jsonl", "-p", "a.jsonl"), "no sealed model"),
        (("check", "--seeds", "1", "--episodes", "16"), "stayed under a mean return of 475"),
    ],
)
def test_what_cannot_be_done_is_said(learnt, monkeypatch, words, message):
    monkeypatch.chdir(learnt)
    done = call("triage", *words)
    assert done.code == 2
    assert message in done.message
