"""What a result may be called, told by git."""

import subprocess

import pytest

from oddflow.evaluation.protocol import Status, read
from oddflow.evaluation.result import Opening
from oddflow.evaluation.standing import standing

from .given import TEXT, protocol


@pytest.fixture
def path(tmp_path):
    git(tmp_path, "init", "--quiet")
    place = tmp_path / "made.toml"
    place.write_text(TEXT)
    return place


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(path):
    git(path.parent, "add", path.name)
    git(path.parent, "commit", "--quiet", "-m", "chosen")


def label(path, opened=()):
    return standing(read(path), path, opened)


def test_what_is_not_committed_is_exploratory(path):
    assert label(path).label is Status.EXPLORATORY
    assert label(path).why == "the protocol is not committed"
    commit(path)
    assert label(path).label is Status.PROTOCOL
    assert len(label(path).commit) == 12


def test_a_choice_that_changed_is_exploratory_until_it_is_committed(path):
    commit(path)
    path.write_text(TEXT.replace("rate = 0.05", "rate = 0.1"))
    assert label(path).why == "the protocol was changed and is not committed"
    commit(path)
    opened = [Opening(sha256="0" * 64, date="2026-01-03")]
    assert label(path, opened).label is Status.PROTOCOL
    assert "they had been opened once before, with other choices" in label(path, opened).why


def test_runs_that_were_made_before_the_commit_are_exploratory(path):
    commit(path)
    early = standing(read(path), path, made="2020-01-01T00:00:00Z")
    assert early.label is Status.EXPLORATORY
    assert "--again opens them anew" in early.why
    assert standing(read(path), path, made="2999-01-01T00:00:00Z").label is Status.PROTOCOL


def test_a_conclusion_is_no_choice_and_the_commit_stays_that_of_the_choices(path):
    commit(path)
    before = label(path)
    path.write_text(TEXT.replace('suite = "quick"', 'suite = "quick"\nconclusion = "So it is."'))
    assert label(path) == before
    commit(path)
    assert label(path) == before


def test_what_was_said_on_the_command_line_is_exploratory():
    assert standing(protocol(), None).why == "chosen on the command line"


def test_a_protocol_may_call_itself_exploratory(path):
    path.write_text(TEXT.replace('status = "protocol"', 'status = "exploratory"'))
    commit(path)
    assert label(path).why == "the protocol says so itself"
