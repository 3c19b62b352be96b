"""More danger, oddness, alerts, spread or progress never make an incident less grave."""

import pytest

from oddflow.verdicts.incidents.incident import Severity
from oddflow.verdicts.incidents.nature import Nature
from oddflow.verdicts.incidents.severity import in_a_word, points

USUAL = {"natures": [Nature("probe", 0.5)], "score": 3.0, "threshold": 1.5, "alerts": 10, "reached": 2}


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"natures": [Nature("exfiltration", 0.9)]}, 20),
        ({"natures": [Nature("probe", 0.9)]}, 5),
        ({"natures": [Nature("probe", 0.5), Nature("web", 0.3)]}, 5),
        ({"score": 12.0}, 15),
        ({"alerts": 1_000}, 9),
        ({"reached": 100}, 12),
    ],
)
def test_each_part_counts(more, by):
    assert points(**USUAL | more) - points(**USUAL) >= by


def test_the_range_is_0_to_100():
    story = [Nature("probe", 1), Nature("brute_force", 1), Nature("exfiltration", 1)]
    assert points(story, score=1e9, threshold=1.5, alerts=10**6, reached=10**4) == 100
    assert points([Nature()], score=1.0, threshold=1.5, alerts=1, reached=1) == 3


def test_one_odd_flow_of_no_known_kind_is_never_more_than_medium():
    assert in_a_word(points([Nature()], score=1e9, threshold=1.5, alerts=1, reached=1)) is Severity.MEDIUM


@pytest.mark.parametrize(
    ("number", "word"), [(0, "low"), (19, "low"), (20, "medium"), (40, "high"), (59, "high"), (60, "critical")]
)
def test_the_words(number, word):
    assert in_a_word(number).value == word
