"""The queue on disk: what was taken stays, whatever dies; what does not fit is counted."""

import os
import signal
import subprocess
import sys

import pytest

from oddflow.errors import InputError, UsageError
from oddflow.outputs.spool import LEAST_LIMIT, Position, Spool
from tests.outputs.make import messages

LIMIT = 1 << 20


def taken(spool, most=1_000):
    found, after = spool.take(most, 1 << 30, 0)
    return [message.id for message in found], after


def ids(count):
    return [message.id for message in messages(count)]


def test_messages_come_out_as_they_went_in_and_stay_until_acknowledged(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    given = messages(5)
    spool.put(given)
    found, after = spool.take(3, 1 << 30, 0)
    assert found == given[:3]
    assert spool.take(3, 1 << 30, 0)[0] == given[:3]
    spool.acknowledge(after, 3)
    assert taken(spool)[0] == ids(5)[3:]
    assert spool.waiting == 2


def test_a_batch_is_bounded_in_bytes_and_has_one_message_at_least(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    given = messages(4)
    spool.put(given)
    assert len(spool.take(10, 2 * len(given[0].body), 0)[0]) == 2
    assert len(spool.take(10, 1, 0)[0]) == 1


def test_an_id_is_queued_once_even_after_it_was_delivered_and_its_segment_deleted(tmp_path):
    spool = Spool(tmp_path / "q", LEAST_LIMIT)
    for first in range(0, 40, 4):
        spool.put(messages(40)[first : first + 4])
        _, after = taken(spool)
        spool.acknowledge(after, 4)
    assert spool.put(messages(40)) == []
    assert (spool.waiting, spool.counts.known, spool.counts.queued) == (0, 40, 40)
    spool.close()
    again = Spool(tmp_path / "q", LEAST_LIMIT)
    again.put(messages(41))
    assert (again.waiting, again.counts.known) == (1, 40)


def test_a_full_queue_turns_the_new_away_counts_it_and_keeps_the_old(tmp_path):
    spool = Spool(tmp_path / "q", LEAST_LIMIT)
    given = messages(500)
    spool.put(given)
    held = spool.waiting
    assert 0 < held < 500
    assert spool.counts.shed == 500 - held
    assert spool.size_bytes <= LEAST_LIMIT
    while found := spool.take(7, 1 << 30, 0)[0]:
        assert found[0] == given[held - spool.waiting]
        spool.acknowledge(spool.take(7, 1 << 30, 0)[1], len(found))
    spool.put(given[-20:])
    assert spool.waiting == 20  # there is room again, and what was turned away is not taken for known


def test_the_disk_never_holds_more_than_the_limit(tmp_path):
    spool = Spool(tmp_path / "q", LEAST_LIMIT)
    given = messages(600)
    for first in range(0, 600, 20):
        spool.put(given[first : first + 20])
        found, after = taken(spool, 18)
        spool.acknowledge(after, len(found))
        assert sum(path.stat().st_size for path in (tmp_path / "q").glob("*.segment")) <= LEAST_LIMIT


@pytest.mark.parametrize("cut", [1, 5, 9, 200])
def test_a_message_that_was_cut_by_a_death_is_dropped_and_the_queue_goes_on(tmp_path, cut):
    spool = Spool(tmp_path / "q", LIMIT)
    spool.put(messages(3))
    spool.close()
    (segment,) = (tmp_path / "q").glob("*.segment")
    os.truncate(segment, segment.stat().st_size - cut)
    again = Spool(tmp_path / "q", LIMIT)
    assert again.waiting == 2
    assert again.counts.damaged_bytes > 0
    again.put(messages(3))  # the third was never promised: it is taken now
    assert taken(again)[0] == ids(3)


def test_a_changed_byte_is_noticed(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    spool.put(messages(3))
    spool.close()
    (segment,) = (tmp_path / "q").glob("*.segment")
    content = bytearray(segment.read_bytes())
    content[-10] ^= 1
    segment.write_bytes(content)
    again = Spool(tmp_path / "q", LIMIT)
    assert (again.waiting, taken(again)[0]) == (2, ids(2))


def test_the_cursor_survives(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    spool.put(messages(5))
    spool.acknowledge(taken(spool, 2)[1], 2)
    spool.close()
    again = Spool(tmp_path / "q", LIMIT)
    assert (again.waiting, taken(again)[0]) == (3, ids(5)[2:])


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"segment": "x", "offset": 0}', "\x00"])
def test_a_broken_cursor_is_refused(tmp_path, content):
    Spool(tmp_path / "q", LIMIT).close()
    (tmp_path / "q" / "cursor").write_text(content)
    with pytest.raises(InputError, match="no cursor"):
        Spool(tmp_path / "q", LIMIT)


def test_a_cursor_behind_all_that_is_there_begins_with_what_is_there(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    spool.acknowledge(Position(7, 99), 0)
    spool.close()
    again = Spool(tmp_path / "q", LIMIT)
    again.put(messages(2))
    assert taken(again)[0] == ids(2)


def test_one_process_at_a_time(tmp_path):
    spool = Spool(tmp_path / "q", LIMIT)
    with pytest.raises(UsageError, match="in use"):
        Spool(tmp_path / "q", LIMIT)
    spool.close()
    Spool(tmp_path / "q", LIMIT).close()


def test_a_full_disk_sheds_and_leaves_the_queue_whole(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "q", LIMIT)
    spool.put(messages(2))
    write = os.write

    def full(file, data):
        if len(data) > 100:
            return write(file, data[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("oddflow.outputs.spool.os.write", full)
        spool.put(messages(3))
    assert (spool.waiting, spool.counts.shed) == (2, 1)
    spool.put(messages(3))
    assert taken(spool)[0] == ids(3)


WRITER = """
import sys
from pathlib import Path
from oddflow.outputs.spool import Spool
from tests.outputs.make import messages
spool = Spool(Path(sys.argv[1]), 1 << 24)
for number, message in enumerate(messages(600)):
    spool.put([message])
    print(number + 1, flush=True)
"""


def test_what_was_promised_is_there_after_a_kill(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "q")], stdout=subprocess.PIPE, text=True)
    promised = 0
    with process:
        for line in process.stdout:
            promised = int(line)
            if promised == 50:
                process.send_signal(signal.SIGKILL)
                promised = max([promised, *map(int, process.stdout.read().split("\n")[:-1])])
                break
    again = Spool(tmp_path / "q", 1 << 24)
    assert taken(again, 1 << 20)[0][:promised] == ids(promised)
    assert again.waiting in {promised, promised + 1}
