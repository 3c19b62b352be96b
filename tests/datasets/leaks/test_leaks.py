"""Time, captures, and all checks together; on real sets, what is known of them is found."""

import json

import numpy as np
import pytest
from tests.datasets.make import halves, noise, rows_of, shuffled

from oddflow.datasets.leaks import Severity, by_weight, check_leaks
from oddflow.datasets.leaks.captures import shared_captures
from oddflow.datasets.leaks.order import order_in_time
from oddflow.datasets.loading import load
from oddflow.datasets.rows import Split


def test_tested_after_learnt_is_clean():
    rows = rows_of(noise(), times_ns=np.arange(1_000))
    assert order_in_time(rows, halves(rows))[0].severity is Severity.CLEAN


def test_tested_before_learnt_is_a_warning():
    rows = rows_of(noise(), times_ns=np.arange(1_000)[::-1].copy())
    (finding,) = order_in_time(rows, halves(rows))
    assert finding.severity is Severity.WARNING
    assert finding.figures == {"test_before_train_ends": 1.0, "train_after_test_begins": 1.0}


def test_without_times_nothing_is_told():
    assert order_in_time(rows_of(noise()), halves(rows_of(noise())))[0].severity is Severity.NOT_CHECKED


@pytest.mark.parametrize(("width", "severity"), [(500, Severity.CLEAN), (300, Severity.WARNING)])
def test_captures_on_both_sides_are_found(width, severity):
    capture = (np.arange(1_000) // width).astype(np.int32)
    rows = rows_of(noise(), captures=tuple("abcd"), capture=capture)
    finding = shared_captures(rows, halves(rows))[0]
    assert finding.severity is (Severity.NOTE if width == 300 else severity)
    assert finding.figures["share"] == pytest.approx(0.2 if width == 300 else 0)


def test_files_of_one_class_each_are_told():
    rows = rows_of(noise(), captures=("benign.csv", "flood.csv"), capture=(np.arange(1_000) % 2).astype(np.int32))
    (finding,) = shared_captures(rows, halves(rows))
    assert finding.severity is Severity.WARNING
    assert "each of 2 files holds rows of one label only" in finding.what


def test_one_file_is_not_checked():
    rows = rows_of(noise(), captures=("x",), capture=np.zeros(1_000, np.int32))
    assert shared_captures(rows, halves(rows))[0].severity is Severity.NOT_CHECKED


def test_all_checks_give_json_and_each_speaks():
    rows = rows_of(noise(), times_ns=np.arange(1_000), src=["10.0.0.1"] * 1_000)
    findings = check_leaks(rows, shuffled(rows), seed=3)
    told = json.loads(json.dumps([finding.as_dict() for finding in findings], allow_nan=False))
    assert len({one["check"] for one in told}) == len(told) == 10
    assert all(one["what"] for one in told)
    assert findings == check_leaks(rows, shuffled(rows), seed=3)


def test_hardly_any_rows_are_no_error():
    for count in (2, 3, 40):
        rows = rows_of(noise(count), times_ns=np.arange(count), src=["10.0.0.1"] * count)
        assert check_leaks(rows, halves(rows))


def test_a_column_without_a_value_is_no_error():
    x = noise()
    x[:, 0], x[:, 1], x[0] = np.nan, np.inf, np.nan
    assert check_leaks(rows_of(x), halves(rows_of(x)))


def test_the_gravest_comes_first():
    rows = rows_of(np.zeros((400, 2)))
    severities = [finding.severity for finding in by_weight(check_leaks(rows, halves(rows)))]
    assert severities[0] is Severity.SEVERE
    assert severities == sorted(severities, key=list(Severity).index, reverse=True)


def figures_of(shared, name, split=shuffled):
    rows = load(name, data=shared)
    return {finding.check: finding for finding in check_leaks(rows, split(rows))}


def official(rows):
    parts = [np.flatnonzero(rows.part == rows.parts.index(name)) for name in ("train", "test")]
    return Split("official", *parts)


def test_unsw_nb15_repeats_a_third_of_itself(shared):
    found = figures_of(shared, "unsw-nb15")
    assert found["repeats"].figures["same_label"] == 26_387
    assert found["repeats across"].severity is Severity.SEVERE
    assert found["labels by address"].severity is Severity.NOT_CHECKED


def test_ustc_tfc2016_has_repeated_images_and_images_of_two_classes(shared):
    found = figures_of(shared, "ustc-tfc2016")
    assert found["repeats"].figures["repeats"] == 400
    assert found["several labels"].figures["inputs"] == 3


def test_nsl_kdd_has_hardly_any_repeats(shared):
    found = figures_of(shared, "nsl-kdd", official)
    assert found["repeats"].severity is Severity.NOTE
    assert found["repeats across"].figures["share"] == pytest.approx(0.029, abs=0.001)


def test_kdd99_repeats_most_of_its_rows(shared):
    rows = load("kdd99", data=shared, max_rows=200_000)
    found = {finding.check: finding for finding in check_leaks(rows, official(rows))}
    assert found["repeats"].figures["share"] > 0.5
    assert found["repeats across"].severity is Severity.SEVERE


def test_the_labels_of_cic_ids2017_follow_addresses_and_a_random_split_mixes_its_hours(shared):
    found = figures_of(shared, "cic-ids2017-corrected")
    assert found["labels by address"].severity is Severity.SEVERE
    assert found["order in time"].severity is Severity.WARNING
    assert found["near repeats"].severity is Severity.WARNING
