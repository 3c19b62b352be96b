import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from oddflow.errors import BrokenRegistry, OutputError, Tampered, UsageError
from oddflow.models.registry.journal import JOURNAL, What
from oddflow.models.registry.named import check_name, reference
from oddflow.models.registry.registry import KEEP, Registry, default_folder, open_name

TOLD = {"fingerprint": "f" * 12, "detector": "robust-pca", "signer": ""}


def filled(folder, *contents, name="office"):
    """A registry with these models, none active."""
    registry = Registry(folder)
    for content in contents:
        registry.add(content, TOLD, name=name)
    return registry


def active(folder):
    """The content of the active version."""
    path, called = open_name("office", folder)
    return called, Path(path).read_bytes()


def test_versions_are_numbered_and_none_is_active_before_it_is_promoted(tmp_path):
    registry = filled(tmp_path, b"one", b"two")
    assert list(registry.named("office").versions) == [1, 2]
    with pytest.raises(UsageError, match=r"no active version.*promote office 1"):
        registry.find("office")
    registry.promote("office", 2)
    assert active(tmp_path) == ("office@2", b"two")
    assert open_name("office@1", tmp_path)[1] == "office@1"


def test_the_same_model_keeps_its_version(tmp_path):
    registry = filled(tmp_path, b"one", b"two", b"one")
    assert list(registry.named("office").versions) == [1, 2]
    assert len(registry.named("office").events) == 2


def test_who_when_and_why_is_kept(tmp_path):
    registry = Registry(tmp_path)
    registry.add(b"one", TOLD, name="office", file="/models/a\udcff.oddflow", reason="first")
    event = registry.promote("office", 1, reason="it is Monday")
    again = Registry(tmp_path).named("office").events
    assert [one.reason for one in again] == ["first", "it is Monday"]
    assert again[0].file == "/models/a?.oddflow"
    assert event.at.endswith("Z")
    assert event.by


def test_promoting_needs_a_comparison_with_the_active_version(tmp_path):
    registry = filled(tmp_path, b"one", b"two", b"three")
    registry.promote("office", 1)
    with pytest.raises(UsageError, match="never seen beside office@1"):
        registry.promote("office", 2)
    registry.shadowed("office", 2, registry.find("office"), {KEEP: True})
    with pytest.raises(UsageError, match="came off worse"):
        registry.promote("office", 2)
    registry.shadowed("office", 2, registry.find("office"), {KEEP: False})
    assert not registry.promote("office", 2).forced
    registry.shadowed("office", 3, registry.find("office", 1), {KEEP: False})
    with pytest.raises(UsageError, match="never seen beside office@2"):
        registry.promote("office", 3)
    assert registry.promote("office", 3, force=True).forced
    with pytest.raises(UsageError, match="active already"):
        registry.promote("office", 3)


def test_rolling_back_goes_one_step_each_time_and_passes_what_is_gone(tmp_path):
    registry = filled(tmp_path, b"one", b"two", b"three", b"four")
    for number in (1, 2, 3, 4):
        registry.promote("office", number, force=True)
    registry.rollback("office")
    assert active(tmp_path)[0] == "office@3"
    registry.remove("office", 2)
    assert registry.rollback("office", reason="noisy").version == 1
    with pytest.raises(UsageError, match="nothing to go back to"):
        registry.rollback("office")
    registry.promote("office", 4, force=True)
    registry.rollback("office")
    assert active(tmp_path)[0] == "office@1"


def test_the_active_version_is_not_removed_and_numbers_are_not_used_again(tmp_path):
    registry = filled(tmp_path, b"one", b"two")
    registry.add(b"two", TOLD, name="other")
    registry.promote("office", 1)
    with pytest.raises(UsageError, match="is active"):
        registry.remove("office", 1)
    registry.remove("office", 2)
    assert open_name("other@1", tmp_path)[1] == "other@1"  # the same file under another name stays
    registry.remove("other", 1)
    assert len(list((tmp_path / "objects").iterdir())) == 1
    assert registry.add(b"two", TOLD, name="office").number == 3
    with pytest.raises(UsageError, match=r"no version 2; there are 1, 3"):
        registry.find("office", 2)


@pytest.mark.parametrize("name", ["", "Office", "a/b", "..", "-x", "a@1", "a b", "x.oddflow", "ä", "a" * 65])
def test_a_name_that_could_be_something_else_is_refused(name):
    with pytest.raises(UsageError, match="cannot be called"):
        check_name(name)


@pytest.mark.parametrize("text", ["./office", "office.oddflow", "office@0", "office@x", "/x", "a" * 70, "office@1@2"])
def test_what_can_only_be_a_path_is_one(text, tmp_path):
    assert reference(text) is None
    assert open_name(text, tmp_path) == (text, text)


def test_a_file_wins_over_a_name(tmp_path, monkeypatch):
    filled(tmp_path / "registry", b"one").promote("office", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "office").write_bytes(b"file")
    assert open_name("office", tmp_path / "registry") == ("office", "office")


def test_a_name_that_nobody_knows(tmp_path):
    with pytest.raises(UsageError, match="has no model 'office'; it has none yet"):
        open_name("office", tmp_path)


def test_a_model_that_was_altered_or_lost_is_noticed(tmp_path):
    registry = filled(tmp_path, b"one")
    registry.promote("office", 1)
    place = registry.place_of(registry.find("office"))
    place.write_bytes(b"other")
    with pytest.raises(Tampered, match="not the model that was added as office@1"):
        open_name("office", tmp_path)
    place.unlink()
    with pytest.raises(BrokenRegistry, match="add the model again"):
        open_name("office", tmp_path)
    registry.add(b"one", TOLD, name="office")
    assert active(tmp_path) == ("office@1", b"one")


@pytest.mark.parametrize("change", ["edit", "drop", "swap", "garbage", "field"])
def test_a_journal_that_was_changed_is_noticed(tmp_path, change):
    registry = filled(tmp_path, b"one", b"two", b"three")
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines()
    changed = {
        "edit": [lines[0].replace(b"robust-pca", b"autoencode"), *lines[1:]],
        "drop": [lines[0], lines[2]],
        "swap": [lines[1], lines[0], lines[2]],
        "garbage": [lines[0], b"\xff{", *lines[1:]],
        "field": [*lines, json.dumps(json.loads(lines[2]) | {"run": "x"}).encode()],
    }[change]
    path.write_bytes(b"\n".join(changed) + b"\n")
    with pytest.raises(BrokenRegistry, match=r"journal\.jsonl: line [1-4]"):
        registry.names()


def test_a_crash_at_any_byte_of_an_event_leaves_the_old_state_or_the_new_one(tmp_path):
    registry = filled(tmp_path, b"one", b"two")
    registry.promote("office", 1)
    path = tmp_path / JOURNAL
    before = path.read_bytes()
    registry.promote("office", 2, force=True)
    after = path.read_bytes()
    for length in range(len(before), len(after) + 1):
        path.write_bytes(after[:length])
        assert active(tmp_path)[0] == ("office@2" if length == len(after) else "office@1")
        if length % 16 == 0:
            registry.add(length.to_bytes(4, "big"), TOLD, name="later")  # whoever writes next clears up
            assert [event.what for event in registry.named("office").events][:3] == [What.ADD, What.ADD, What.PROMOTE]


LOOP = """
import sys
from oddflow.models.registry.registry import Registry
registry = Registry(sys.argv[1])
print("ready", flush=True)
while True:
    for number in (1, 2):
        if registry.find("office").number != number:
            registry.promote("office", number, force=True)
"""


def test_a_process_that_is_killed_while_it_promotes_leaves_one_of_both(tmp_path):
    registry = filled(tmp_path, b"one", b"two")
    registry.promote("office", 1)
    draw = random.Random(1)
    for _ in range(8):
        count = len(registry.named("office").events)
        with subprocess.Popen([sys.executable, "-c", LOOP, tmp_path], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            while len(registry.named("office").events) == count:  # it is at work
                assert process.poll() is None
            time.sleep(draw.random() / 50)
            os.kill(process.pid, signal.SIGKILL)
        assert active(tmp_path) in {("office@1", b"one"), ("office@2", b"two")}
    numbers = [event.version for event in registry.named("office").events if event.what is What.PROMOTE]
    assert all(one != other for one, other in pairwise(numbers))
    registry.rollback("office")
    assert active(tmp_path)[0] == f"office@{numbers[-2]}"


def test_what_a_dead_writer_left_is_cleared_away(tmp_path):
    registry = filled(tmp_path, b"one")
    digest = hashlib.sha256(b"two").hexdigest()
    left = tmp_path / "objects" / f".{digest}.oddflow.{os.getpid()}.part"
    left.write_bytes(b"tw")
    (tmp_path / "objects" / f"{digest}.oddflow").write_bytes(b"t")  # cut by a loss of power
    registry.add(b"two", TOLD, name="office")
    assert not left.exists()
    assert open_name("office@2", tmp_path)[1] == "office@2"


def test_many_who_write_at_once_write_one_after_another(tmp_path):
    filled(tmp_path, b"one")
    with ThreadPoolExecutor(8) as pool:
        for place in range(40):
            pool.submit(Registry(tmp_path).add, str(place).encode(), TOLD, name=f"n{place % 4}")
    names = Registry(tmp_path).names()
    assert {name: list(named.versions) for name, named in names.items() if name != "office"} == {
        f"n{place}": list(range(1, 11)) for place in range(4)
    }


def test_readers_need_no_right_to_write_and_writers_are_told_where_they_lack_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Registry(tmp_path / "file").add(b"one", TOLD, name="office")
    assert Registry(tmp_path / "none").names() == {}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ODDFLOW_REGISTRY": "/srv/models", "XDG_STATE_HOME": "/s"}, "/srv/models"),
        ({"XDG_STATE_HOME": "/s"}, "/s/oddflow/models"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/oddflow/models"),
    ],
)
def test_where_it_is_unless_told(variables, expected, monkeypatch):
    for name in ("ODDFLOW_REGISTRY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(default_folder()) == expected
