"""The real sets: what is read of them is what their owners and others count."""

from collections import Counter

import numpy as np
import pytest

from oddflow import datasets
from oddflow.datasets.checking import check_files, check_sections

HERE = (
    "nsl-kdd", "kdd99", "unsw-nb15", "cic-ids2017-corrected", "ustc-tfc2016", "kitsune", "modbus", "cic-ddos2019",
    "iot-23", "stratosphere-zeek",
)  # fmt: skip


@pytest.mark.parametrize("name", HERE)
def test_hashes_rows_and_classes_are_those_that_are_known(shared, name):
    known = datasets.registry.find(name)
    findings = [*check_files(known, shared), *check_sections(known, shared)]
    assert {finding.verdict for finding in findings} <= {"right", "absent"}
    assert sum(finding.verdict == "right" for finding in findings) >= 2


def categories(rows, part):
    chosen = rows.y[rows.part == rows.parts.index(part)]
    return Counter(rows.labels[place].category.value for place in chosen)


def test_the_groups_of_nsl_kdd(shared):
    rows = datasets.load("nsl-kdd", shared)
    assert categories(rows, "train") == {"normal": 67_343, "dos": 45_927, "probe": 11_656, "r2l": 995, "u2r": 52}
    assert categories(rows, "test") == {"normal": 9_711, "dos": 7_460, "probe": 2_421, "r2l": 2_752, "u2r": 200}
    assert len(datasets.load("nsl-kdd", shared, parts=["test-21"])) == 11_850
    assert len(datasets.load("nsl-kdd", shared, parts=["train-20"])) == 25_192


def test_unsw_rows_repeat(shared):
    rows = datasets.load("unsw-nb15", shared)
    held = {(row.tobytes(), label) for row, label in zip(rows.x, rows.y, strict=True)}
    assert (len(rows), len(rows) - len(held)) == (82_332, 26_387)


def test_an_even_sample_of_a_long_set(shared):
    rows = datasets.load("kdd99", shared, max_rows=100_000)
    assert 50_000 <= len(rows) <= 100_000
    assert rows.read == 494_021 + 311_029
    normal = sum(one.classes["normal"] for one in rows.counted)
    assert normal == 97_278 + 60_593
    assert abs((~rows.is_attack).mean() - normal / rows.read) < 0.01


def test_images_repeat(shared):
    rows = datasets.load("ustc-tfc2016", shared)
    held: dict[bytes, set[int]] = {}
    for row, label in zip(rows.x, rows.y, strict=True):
        held.setdefault(row.tobytes(), set()).add(int(label))
    assert rows.x.shape == (13_325, 784)
    assert len(rows) - len(held) == 400
    assert sum(len(labels) > 1 for labels in held.values()) == 3


def test_sets_of_flows_give_flows_with_labels(shared):
    labels = Counter(label for batch in datasets.flows("iot-23", shared) for label in batch.column("label").to_pylist())
    assert sum(labels.values()) == 23_145
    assert None not in labels
    rows = datasets.load("iot-23", shared)
    assert np.isfinite(rows.x).all()
    assert len(rows.ends) == len(rows.times_ns) == 23_145
