"""Protocol files: what they refuse, and what of them is a choice."""

import pytest

from oddflow.errors import UsageError
from oddflow.evaluation.protocol import parsed, read

from .given import TEXT, protocol


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds = 2", "seed = 2", "seed: Extra inputs are not permitted"),
        ("seeds = 2", "seeds = [1, 1]", "seeds are different whole numbers from 0"),
        ("chosen = 2026-01-02", "", "a protocol says when it was chosen, and how"),
        ('"accuracy"', '"magic"', "there is no measure 'magic'"),
        ('tests = { two = ["two"], again = ["two"] }', "", "train and tests name sections, both or neither"),
        ('train = ["one"]', 'train = ["one"]\nsplit = "time"', "either train and tests name the sections, or a split"),
        ("rate = 0.05", "", "rate goes with the rule false-alarm-rate"),
        ('[[entries]]\ndetector = "robust-pca"', '[[entries]]\ndetector = "isolation-forest"', "no entry is called"),
        ("least = 0.7", "", "an expectation needs least or most"),
        ('set = "office"', "", "expected a set, or sources with their truth, or captures with applications"),
        ('title = "Made"', "title =", "is no TOML"),
    ],
)
def test_what_is_no_protocol_says_why(old, new, said):
    assert old in TEXT
    with pytest.raises(UsageError, match=said):
        parsed(TEXT.replace(old, new, 1))


def test_a_file_that_is_not_there_is_no_protocol(tmp_path):
    with pytest.raises(UsageError, match="cannot be read as a protocol"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "Made"', 'title = "Other"\nconclusion = "It is so."'),
        ("least = 0.7", "least = 0.8"),
        ('"accuracy", ', ""),
        ("seeds = 2", "seeds = [0, 1]"),
    ],
)
def test_what_is_told_is_no_choice(old, new):
    assert protocol(old, new).sha256 == protocol().sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds = 2", "seeds = 3"),
        ("rate = 0.05", "rate = 0.06"),
        ('"robust-pca"', '"robust-pca:variance=0.9"\nname="robust-pca"'),
    ],
)
def test_what_was_chosen_is(old, new):
    assert protocol(old, new).sha256 != protocol().sha256
