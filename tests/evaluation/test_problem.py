"""A protocol's data: classes, splits, limits, and what is done to rows."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.evaluation import problem
from oddflow.evaluation.protocol import Classes, Data
from oddflow.features.representation import Reads

from .given import data, given_rows, loaded


def test_one_fit_is_tested_on_several_parts():
    made = loaded(data(tests={"all": ("two",), "both": ("one", "two")})).problem()
    (fold,) = made.folds
    np.testing.assert_array_equal(fold.train, np.arange(450))
    assert {name: len(places) for name, places in fold.tests.items()} == {"all": 450, "both": 900}
    assert "learnt from 450 rows, 150 of them attacks; all: 450 rows, 150 of them attacks" in made.told[-1]


@pytest.mark.parametrize(
    ("classes", "names", "attacks"),
    [
        ("two", ("normal", "attack"), [False, True]),
        ("categories", ("normal", "dos", "probe"), [False, True, True]),
        ("own", ("normal", "flood", "sweep"), [False, True, True]),
    ],
)
def test_classes_are_two_or_kinds_or_labels(classes, names, attacks):
    made = loaded(data(), classes)
    assert made.names == names
    assert made.is_attack.tolist() == attacks
    assert np.bincount(made.codes).tolist() == ([600, 300] if classes == "two" else [600, 200, 100])


def test_normal_labels_come_first_wherever_they_stand():
    rows = given_rows()
    rows.labels = (rows.labels[1], rows.labels[0], rows.labels[2])
    rows.y = np.array([1, 0, 2], np.int16)[rows.y]
    names, codes, is_attack = problem._classes(rows, Classes.OWN)
    assert names == ("normal", "flood", "sweep")
    assert np.bincount(codes).tolist() == [600, 200, 100]
    assert is_attack.tolist() == [False, True, True]


def test_captures_are_tested_in_turn_and_in_pairs():
    each = loaded(Data(set="office", split="each-capture")).problem()
    assert [list(fold.tests) for fold in each.folds] == [["one"], ["two"]]
    assert not set(each.folds[0].train) & set(each.folds[0].tests["one"])
    pairs = loaded(Data(set="office", split="capture-pairs")).problem()
    assert [list(fold.tests) for fold in pairs.folds] == [["one → two"], ["two → one"]]


def test_limits_draw_by_the_seed_and_tests_stay():
    made = loaded(data(most_train=60, most_test=80))
    first, again, other = made.problem(1), made.problem(1), made.problem(2)
    assert np.bincount(made.codes[first.folds[0].train]).tolist() == [60, 60]
    assert np.bincount(made.codes[first.folds[0].tests["two"]]).tolist() == [80, 80]
    assert first.sha256 == again.sha256 != other.sha256
    np.testing.assert_array_equal(first.folds[0].tests["two"], other.folds[0].tests["two"])


def test_a_split_by_chance_is_one_for_each_seed_where_that_is_asked_for():
    fixed = loaded(Data(set="office", split="stratified"))
    assert fixed.problem(1).sha256 == fixed.problem(2).sha256
    changing = loaded(Data(set="office", split="stratified", split_by_seed=True))
    assert changing.problem(1).sha256 != changing.problem(2).sha256


def test_test_rows_that_are_learnt_from_are_left_out():
    rows = given_rows()
    rows.x[450:460] = rows.x[:10]
    own = problem.Loaded(data(repeats="leave-out-of-tests"), rows, *problem._classes(rows, Classes.TWO), ())
    assert len(own.problem().folds[0].tests["two"]) == 440
    assert "10 test rows that are among the rows to learn from are left out" in own.problem().told


@pytest.fixture
def read(monkeypatch):
    """Has `load` read rows of ours."""

    def given(rows, **more):
        monkeypatch.setattr(problem, "of_data_set", lambda *_, **__: rows)
        return problem.load(data(**more), Classes.TWO, Reads.TABULAR)

    return given


def test_features_are_left_out_by_name(read):
    found = read(given_rows(), exclude=("bytes_*", "never"))
    assert [feature.name for feature in found.rows.features] == ["service", *(f"balance_{i}" for i in range(4))]
    assert found.rows.x.shape == (900, 5)
    assert "left out: bytes_0, bytes_1, bytes_2, bytes_3, never" in found.told


def test_a_name_that_no_feature_has_is_refused(read):
    with pytest.raises(UsageError, match=r"exclude names 'port\*', and no feature is called so"):
        read(given_rows(), exclude=("port*",))
    with pytest.raises(UsageError, match="blank_bytes is for images"):
        read(given_rows(), blank_bytes=3)


def test_repeats_are_left_out_before_any_split(read):
    rows = given_rows()
    rows.x[1] = rows.x[0]
    assert len(read(rows, repeats="leave-out").rows) == 899


def test_images_lose_their_first_bytes(read):
    from oddflow.features.image import Image  # noqa: PLC0415

    rows = given_rows()
    rows.features = Image().features
    rows.x = np.ones((900, 784), np.float32)
    x = read(rows, blank_bytes=54).rows.x
    assert not x[:, :54].any()
    assert x[:, 54:].all()
    assert rows.x.all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"train": ("three",)}, "office has no section 'three'; it has one, two"),
        ({"tests": {"none": ()}}, "none: of 0 rows to test on 0 are attacks; both are needed"),
    ],
)
def test_what_cannot_be_split_so_says_why(more, said):
    with pytest.raises(UsageError, match=said):
        loaded(data(**more)).problem()


def test_normal_flows_of_a_day_are_counted_by_minutes_with_traffic():
    minutes = np.repeat(np.arange(9), 100) * 60 * 10**9
    made = loaded(data(), times_ns=minutes).problem()
    assert made.flows_a_day() == pytest.approx(600 / 9 * 1_440)
    assert loaded(data()).problem().flows_a_day() is None


def test_time_within_classes_learns_the_earlier_rows_of_each_label():
    times_ns = np.random.default_rng(0).permutation(900).astype(np.int64)
    (fold,) = loaded(Data(set="office", split="time-within-classes"), "own", times_ns=times_ns).problem().folds
    labels = given_rows().y
    for label in range(3):
        learnt, tested = (times_ns[places[labels[places] == label]] for places in (fold.train, fold.tests["test"]))
        assert learnt.max() < tested.min()
        assert len(tested) == round(0.3 * (labels == label).sum())


def test_time_within_classes_needs_times():
    with pytest.raises(UsageError, match="does not say when its rows were"):
        loaded(Data(set="office", split="time-within-classes")).problem()


def test_applications_are_classes_and_no_attacks(shared):
    captures = ("captures/ndpi/quic-29.pcap", "captures/ndpi/443-curl.pcap", "captures/ndpi/ssh.pcap")
    wanted = Data(captures=captures, applications=("ssh", "tls", "quic"), split="capture")
    made = problem.load(wanted, Classes.OWN, Reads.SEQUENCE, folder=shared)
    assert made.names == ("ssh", "tls", "quic")
    assert not made.is_attack.any()
    named = {
        made.rows.captures[capture]: made.names[code]
        for capture, code in zip(made.rows.capture, made.codes, strict=True)
    }
    assert named == {captures[0]: "quic", captures[1]: "tls", captures[2]: "ssh"}
    with pytest.raises(UsageError, match="holds a flow of gopher"):
        problem.load(Data(captures=captures, applications=("gopher",)), Classes.OWN, Reads.SEQUENCE, folder=shared)
