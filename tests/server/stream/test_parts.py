"""Flows on their way to the store: seen once a checkpoint holds them, and once only, whatever dies in between."""

from pathlib import Path

import pytest

from oddflow.errors import UsageError
from oddflow.server.stream.checkpoint import Checkpoint
from oddflow.server.stream.parts import FlowParts
from tests.server.stream.conftest import stored_flows

FIRST, SECOND = "1" * 32, "2" * 32


def prepared(state: Path) -> list[str]:
    """What waits for a checkpoint."""
    return [path.name for path in (state / "flows" / "site" / ".prepared").iterdir()]


def begun(state: Path, owner: str) -> FlowParts:
    """What a process of the source writes with."""
    return FlowParts(state / "flows", "site", owner)


def test_flows_are_seen_when_they_are_shown(office_flows, tmp_path):
    parts = begun(tmp_path, FIRST)
    parts.add(0, office_flows.slice(0, 50), None, None, checkpoint=1)
    parts.prepare(0, 1)
    assert (stored_flows(tmp_path), parts.stored, len(prepared(tmp_path))) == ([], 0, 1)
    parts.show(0)
    assert (len(stored_flows(tmp_path)), parts.stored, prepared(tmp_path)) == (50, 50, [])
    parts.close()


@pytest.mark.parametrize(
    ("owners", "kept"), [({}, 0), ({FIRST: 1}, 50), ({FIRST: 2}, 80), ({FIRST: 1, SECOND: 2}, 50), ({SECOND: 9}, 0)]
)
def test_who_comes_next_shows_what_a_checkpoint_holds(owners, kept, office_flows, tmp_path):
    parts = begun(tmp_path, FIRST)
    parts.add(3, office_flows.slice(0, 50), None, None, checkpoint=1)
    parts.prepare(3, 1)
    parts.add(3, office_flows.slice(50, 30), None, None, checkpoint=2)
    parts.prepare(3, 2)
    parts.close()  # as it dies
    after = begun(tmp_path, SECOND)
    after.settle(lambda partition: Checkpoint(owners=owners) if owners and partition == 3 else None)
    assert (len(stored_flows(tmp_path)), prepared(tmp_path)) == (kept, [])
    after.settle(lambda _: None)
    assert len(stored_flows(tmp_path)) == kept
    after.close()


def test_what_another_one_judges_anew_is_thrown_away(office_flows, tmp_path):
    parts = begun(tmp_path, FIRST)
    for partition in (0, 1):
        parts.add(partition, office_flows.slice(0, 50), None, None, checkpoint=1)
        parts.prepare(partition, 1)
    parts.forget(0)
    parts.show(0)
    parts.show(1)
    assert (len(stored_flows(tmp_path)), prepared(tmp_path)) == (50, [])
    parts.close()


def test_one_process_at_a_time(tmp_path):
    parts = begun(tmp_path, FIRST)
    with pytest.raises(UsageError, match="written by another process"):
        begun(tmp_path, SECOND)
    parts.close()
    begun(tmp_path, SECOND).close()


def test_flows_that_the_disk_does_not_take_are_counted(office_flows, tmp_path):
    parts = begun(tmp_path, FIRST)
    (tmp_path / "flows" / "site" / ".prepared").rmdir()
    parts.add(0, office_flows.slice(0, 50), None, None, checkpoint=1)
    parts.prepare(0, 1)
    assert parts.shed == 50
    assert "cannot be written" in parts.problem
    parts.close()
