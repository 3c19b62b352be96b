"""A lane: what it does with records follows from them alone."""

import numpy as np
import pyarrow as pa
import pytest

from oddflow.features.columns import integers
from oddflow.losses import Ledger
from oddflow.server.settings.settings import Settings, SourceSection, StreamSection
from oddflow.server.stream.lane import STEP_NS, Lane, Record
from oddflow.server.work import modelled
from oddflow.server.work.watching import feedback_file, watched
from tests.server.stream.conftest import PARTITIONS, record

MINUTE_NS = 60_000_000_000


class Judging:
    """A lane, with what it judged."""

    def __init__(self, model, state, checkpoint=None):
        source = SourceSection(name="site", stream="flows", model=str(model) if model else "", max_groups=4_096)
        settings = Settings(stream=StreamSection(brokers="a:1"), sources=[source])
        settings = settings.model_copy(update={"service": settings.service.model_copy(update={"state": state})})
        feedback_file(settings).touch()
        self.judged, self.kept, self.ledger, self.offset = [], [], Ledger("records"), 0
        found = modelled.Modelled.of(settings, source)
        self.lane = Lane(
            0, checkpoint, watched(settings, source, found, self.judged.append) if found else None,
            keep=self.kept.append, ledger=self.ledger, partitions=PARTITIONS, silent_s=30.0,
        )  # fmt: skip

    def take(self, message, *, offset=None):
        """A record at the next place."""
        self.offset = self.offset + 1 if offset is None else offset
        return self.lane.take(Record(self.offset, message.facts["head"].encode(), message.body))

    @property
    def rows(self):
        """Flows that were judged so far."""
        return sum(one.flows.num_rows for one in self.judged)


@pytest.fixture
def ip_flows(office_flows):
    """Flows that are judged, without ARP."""
    return office_flows.filter(pa.compute.not_equal(office_flows.column("ip_version"), 0))


@pytest.fixture
def judging(example_model, tmp_path):
    """One that has seen nothing."""
    return Judging(example_model, tmp_path)


def end_of(flows):
    """When the last flow ended."""
    return int(integers(flows, "end").max())


def test_flows_wait_for_the_sender_that_is_behind(judging, ip_flows):
    some = ip_flows.slice(0, 100)
    late_ns = end_of(some)
    judging.take(record(0, [], number=1, sender=1, seen_ns=late_ns - MINUTE_NS // 8))
    judging.take(record(0, [some], number=1, sender=0, seen_ns=late_ns + MINUTE_NS // 8))
    behind = judging.rows
    assert behind < 100
    judging.take(record(0, [], number=2, sender=1, seen_ns=late_ns + MINUTE_NS // 8))
    assert (judging.rows, judging.lane.waiting) == (100, 0)
    ends = np.concatenate([integers(one.flows, "end") for one in judging.judged])
    assert (np.diff(ends) >= 0).all()


@pytest.mark.parametrize("why", ["ended", "silent"])
def test_who_ended_or_is_silent_holds_nobody_up(why, judging, ip_flows):
    some = ip_flows.slice(0, 100)
    late_ns = end_of(some)
    before_ns = late_ns - MINUTE_NS
    judging.take(record(0, [], number=1, sender=1, seen_ns=before_ns, ended=why == "ended"))
    judging.take(record(0, [some], number=1, sender=0, seen_ns=late_ns + MINUTE_NS // 8))
    assert judging.rows == 100


def test_a_record_counts_once(judging, ip_flows):
    given = record(0, [ip_flows.slice(0, 50)], number=7, seen_ns=end_of(ip_flows))
    for _ in range(2):
        judging.take(given)
    judging.take(record(0, [ip_flows.slice(0, 50)], number=6, seen_ns=end_of(ip_flows)))
    assert (judging.ledger.metered, judging.lane.repeated) == (50, 2)
    judging.take(given, offset=1)  # a place that it is past
    assert judging.lane.repeated == 2


def test_records_that_are_gone_are_counted(judging):
    judging.take(record(0, [], number=1, seen_ns=1), offset=40)
    assert judging.lane.gone == 0  # nobody knows what was before the first
    judging.take(record(0, [], number=2, seen_ns=1), offset=45)
    assert (judging.lane.gone, judging.lane.offset) == (4, 46)


def test_what_is_no_record_is_lost_and_counted(judging, ip_flows):
    assert judging.lane.take(Record(1, b"", b"")) == []
    assert judging.lane.take(Record(2, b"[1", b"")) == []
    good = record(0, [ip_flows.slice(0, 50)], number=1, seen_ns=1)
    assert judging.lane.take(Record(3, good.facts["head"].encode(), good.body[:-300])) == []
    assert judging.ledger.lost_total == 3
    assert judging.lane.offset == 4


def test_flows_are_judged_in_steps(judging, ip_flows):
    some = ip_flows.slice(0, 400)
    for number, start in enumerate(range(0, 400, 5), 1):
        batch = some.slice(start, 5)
        judging.take(record(0, [batch], number=number, seen_ns=end_of(batch)))
    span_ns = end_of(some) - int(integers(some, "end").min())
    assert 1 < len(judging.judged) <= span_ns // STEP_NS + 1


def test_what_nobody_ends_is_judged_after_a_while(judging, ip_flows):
    judging.take(record(0, [ip_flows.slice(0, 50)], number=1, seen_ns=1))
    assert (judging.lane.settle(), judging.rows) == ([], 0)
    judging.lane._taken_s -= 31
    judging.lane.settle()
    assert judging.rows == 50


def test_it_goes_on_from_its_checkpoint(example_model, office_flows, tmp_path):
    whole, first = Judging(example_model, tmp_path), Judging(example_model, tmp_path)
    given = [
        record(0, [office_flows.slice(start, 100)], number=start + 1, seen_ns=end_of(office_flows.slice(start, 100)))
        for start in range(0, 1_000, 100)
    ]
    told = [alert for one in given for alert in whole.take(one)]
    told_first = [alert for one in given[:6] for alert in first.take(one)]
    checkpoint = first.lane.checkpoint("0" * 32)
    second = Judging(example_model, tmp_path, checkpoint)
    assert not second.lane.is_new
    second.offset = first.offset
    assert told_first + [alert for one in given[6:] for alert in second.take(one)] == told
    assert told
    checkpoint.model = "another"
    third = Judging(example_model, tmp_path, checkpoint)
    assert third.lane.is_new
    assert (third.lane.offset, third.lane.waiting) == (7, 0)


def test_without_a_model_flows_are_kept(office_flows, tmp_path):
    judging = Judging(None, tmp_path)
    assert judging.take(record(0, [office_flows.slice(0, 50)], number=1, seen_ns=1)) == []
    assert sum(batch.num_rows for batch in judging.kept) == 50
