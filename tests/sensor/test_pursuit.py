"""Flows of a source that grows, handed to a sink."""

import pyarrow as pa
import pytest

from oddflow.schema import FLOW_SCHEMA
from oddflow.sensor.pursuit import pursue
from tests.logs.zeek_make import RECORD

END_NS = int(RECORD["ts"] * 1e9)


class Kept:
    """A sink that remembers what it was told."""

    alerts = 0

    def __init__(self):
        self.told = []

    def add(self, flows):
        self.told.append(("add", flows.num_rows))

    def tick(self, seen_until_ns):
        self.told.append(("tick", seen_until_ns))

    def close(self):
        self.told.append("close")

    def abandon(self):
        self.told.append("abandon")


def flows(count):
    rows = [{"end": END_NS + n} for n in range(count)]
    return pa.RecordBatch.from_pylist(rows, FLOW_SCHEMA)


def test_all_flows_are_given_and_the_clock_is_theirs():
    sink = Kept()
    assert pursue(iter([flows(0), flows(3), flows(0)]), sink, tick_s=0.0) == 3
    assert [told[0] for told in sink.told] == ["add", "tick", "tick", "c"]
    first, second = (told[1] for told in sink.told if told[0] == "tick")
    assert END_NS + 2 <= first <= second < END_NS + 10**9


def test_many_flows_do_not_wait_for_the_second_to_pass():
    sink = Kept()
    pursue(iter([flows(8192)] * 8), sink)
    assert sum(told[0] == "tick" for told in sink.told) >= 2


def test_what_fails_abandons_the_sink():
    def broken():
        yield flows(1)
        raise OSError("gone")

    sink = Kept()
    with pytest.raises(OSError, match="gone"):
        pursue(broken(), sink)
    assert sink.told[-1] == "abandon"
