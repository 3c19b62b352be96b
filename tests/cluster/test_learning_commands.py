"""`--ray` of commands that learn, search and evaluate."""

import sys

import pytest

from tests.cli.call import call, refused
from tests.cli.captures import capture

pytest.importorskip("torch")
pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("office") / "office.pcap"
    path.write_bytes(capture())
    return path


def words(command, source, tmp_path):
    more = {"learn": ["-o", tmp_path / "m.oddflow"], "tune": [], "evaluate": ["--truth", source]}
    return [command, source, *more[command]]


@pytest.mark.parametrize("command", ["learn", "tune", "evaluate"])
def test_without_ray_each_says_what_to_install(command, source, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refused(call(*words(command, source, tmp_path), "--ray", "local"), "pip install 'oddflow[cluster]'")


def test_processes_of_this_machine_are_not_counted_on_another(source, tmp_path):
    refused(call(*words("evaluate", source, tmp_path), "--ray", "10.0.0.1:6379", "--jobs", "2"), "--jobs counts")


def test_a_search_with_several_trials_at_once_is_the_same_on_a_cluster(ray_here, source, tmp_path):
    told = [*words("tune", source, tmp_path), "--detector", "robust-pca", "--trials", "4", "--at-once", "2", "--json"]
    alone, shared = (call(*told, *more).json for more in ([], ["--ray", "local"]))
    assert len(alone["trials"]) == 4
    for found in (alone, shared):
        for trial in found["trials"]:
            trial["seconds"] = trial["learning_s"] = 0
    assert shared == alone
