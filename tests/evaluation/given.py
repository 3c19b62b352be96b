"""Rows and protocols that tests share."""

import numpy as np

from oddflow.datasets.rows import Label, LabelledRows
from oddflow.evaluation.problem import Loaded
from oddflow.evaluation.protocol import Data, parsed
from oddflow.schema import AttackCategory
from tests.checks.problem import FEATURES, normal_rows, odd_rows

LABELS = (
    Label("normal", AttackCategory.NORMAL),
    Label("flood", AttackCategory.DOS),
    Label("sweep", AttackCategory.PROBE),
)


def given_rows(**more):
    """900 rows: in either half 300 normal ones, 100 floods and 50 sweeps; the halves are captures."""
    x = np.concatenate([
        part
        for half in (0, 1)
        for part in (normal_rows(300, half), 50 * odd_rows(100, 5 + half), odd_rows(50, 9 + half))
    ])  # fmt: skip
    y = np.tile(np.repeat([0, 1, 2], [300, 100, 50]), 2).astype(np.int16)
    told = {"captures": ("one", "two"), "capture": np.repeat([0, 1], 450).astype(np.int32)}
    return LabelledRows("office", x, FEATURES, LABELS, y, **(told | more))


def loaded(data, classes="two", **more):
    """The same as `problem.load` gives them."""
    from oddflow.evaluation import problem  # noqa: PLC0415
    from oddflow.evaluation.protocol import Classes  # noqa: PLC0415

    rows = given_rows(**more)
    return Loaded(data, rows, *problem._classes(rows, Classes(classes)), ("made for a test",))


TEXT = """
title = "Made"
suite = "quick"
status = "protocol"
chosen = 2026-01-02
how = "nothing was tried"
seeds = 2
measures = ["accuracy", "roc_auc", "false_alarm_rate"]
flows_a_day = 1000

[data]
set = "office"
train = ["one"]
tests = { two = ["two"], again = ["two"] }

[threshold]
rule = "false-alarm-rate"
rate = 0.05

[[entries]]
detector = "robust-pca"

[[pairs]]
one = "robust-pca"
other = "single best feature"
measure = "roc_auc"
part = "two"

[[expect]]
entry = "robust-pca"
part = "two"
measure = "roc_auc"
least = 0.7
"""


def protocol(old="", new=""):
    """The protocol above, with something else in it."""
    assert old in TEXT
    return parsed(TEXT.replace(old, new, 1))


def data(**more):
    """Its rows."""
    return Data(**({"set": "office", "train": ("one",), "tests": {"two": ("two",)}} | more))
