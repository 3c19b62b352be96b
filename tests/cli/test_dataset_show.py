"""`oddflow datasets show` and the leak checks of `learn --dataset`, from the command line."""

import json

import numpy as np
import pytest

from oddflow.datasets.splits import usual
from oddflow.errors import UsageError
from tests.datasets.make import noise, rows_of

from .call import call, refused


def show(*words):
    return call("datasets", "show", *words)


def test_a_set_of_ours_is_shown():
    shown = show("office", "--features", 3)
    assert shown.code == 0
    for words in ("port scan", "T1046", "5,945", "duration_s", "leak checks of the split official", "near repeats"):
        assert words in shown.out
    assert "36 more features" in shown.err
    assert "office: 14,082 rows, 14.4 % attacks, 39 features" in shown.err


def test_a_capture_with_its_truth_is_shown(office):
    told = show(office.incident, "--truth", office.truth, "--json").json
    assert {one["name"]: one["rows"] for one in told["summary"]["classes"]}["port scan"] == 120
    assert told["split"] == "by time"
    assert len(told["leaks"]) == 10
    assert told["ledger"]["lost"] == 0


def test_a_page_is_written(office, tmp_path):
    page = tmp_path / "x.html"
    shown = show(office.incident, "--truth", office.truth, "--report", page)
    assert f"page in {page}" in shown.err
    assert "port scan" in page.read_text()


def test_another_split_and_no_leak_checks(office):
    words = (office.incident, "--truth", office.truth, "--json")
    assert show(*words, "--split", "stratified").json["split"] == "stratified"
    assert show(*words, "--no-leak-checks").json["leaks"] == []


def test_the_same_seed_shows_the_same(office):
    words = (office.incident, "--truth", office.truth, "--json", "--split", "stratified", "--seed", 4)
    assert show(*words).out == show(*words).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing-of-the-kind",), "nothing-of-the-kind"),
        (("office", "--truth", "x.csv"), "--truth goes with sources"),
        (("office", "--split", "sideways"), "no split is called 'sideways'"),
        (("office", "--report", "/nowhere/x.html"), "/nowhere"),
    ],
)
def test_what_cannot_be_shown_is_refused(words, message):
    refused(show(*words), message)


def test_a_source_is_not_overwritten_by_its_page(office):
    before = office.truth.read_bytes()
    refused(show(office.incident, "--truth", office.truth, "--report", office.truth), "is read, too")
    assert office.truth.read_bytes() == before


def test_learning_a_set_tells_what_leaks(tmp_path):
    words = ("learn", "--dataset", "office", "-o", tmp_path / "m.oddflow", "--detector", "robust-pca")
    learnt = call(*words)
    assert learnt.code == 0
    assert "warning: repeats across: 107 of 8,137 test rows" in learnt.err
    assert "leak checks of the split official: 2 of 10 found something" in learnt.err
    assert "leak checks" not in call(*words, "--no-leak-checks").err


def test_the_labels_of_stratosphere_follow_addresses(shared):
    words = ("stratosphere-zeek", "--data", shared, "--json")
    by_split = {
        split: next(one for one in show(*words, "--split", split).json["leaks"] if one["check"] == "labels by address")
        for split in ("stratified", "time")
    }
    assert by_split["stratified"]["severity"] == "severe"
    assert by_split["time"]["severity"] == "note"
    assert by_split["time"]["figures"]["dst_ip_by_others"] > 0.99


def test_a_labelled_log_is_shown_by_its_path(shared):
    told = show(shared / "iot-23" / "conn.log.labeled.gz", "--json").json
    assert told["summary"]["rows"] == 23_145
    assert json.dumps(told, allow_nan=False)


def test_the_usual_split_is_official_then_by_time_then_stratified():
    x = noise(100)
    part = (np.arange(100) % 2).astype(np.int8)
    times = np.arange(100)
    assert usual(rows_of(x, parts=("train", "test"), part=part, times_ns=times)).name == "official"
    assert usual(rows_of(x, parts=("test",), part=part * 0, times_ns=times)).name == "by time"
    assert usual(rows_of(x)).name == "stratified"
    with pytest.raises(UsageError):
        usual(rows_of(x[:1]))
