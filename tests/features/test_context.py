"""Context: counts over trailing windows, compared with recounting the window for every flow."""

import math
from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis.strategies import builds, composite, integers, lists, sampled_from
from tests.examples import some
from tests.features.build import S, flows, pieces

from oddflow.features import _context_kernels as kernels
from oddflow.features.columns import numbers, text_hashes
from oddflow.features.context import Context, ContextSettings

WIDTHS_S = (10.0, 120.0)


def shape(size):
    return math.floor(4 * math.log2(1 + size))


class TwinWindow:
    """The flows of one window, recounted from scratch each time."""

    def __init__(self, width_s, capacity):
        self.width_ns, self.capacity = round(width_s * S), capacity
        self.held = deque()
        self.cut_short = 0

    def add(self, flow):
        while self.held:
            is_over = self.held[0]["end"] <= flow["end"] - self.width_ns
            is_full = len(self.held) == self.capacity
            if not is_over and not is_full:
                break
            self.cut_short += not is_over
            self.held.popleft()
        self.held.append(flow)
        return self.counts(flow)

    def counts(self, flow):
        def same(*names):
            return [other for other in self.held if all(other[name] == flow[name] for name in names)]

        def different(name, others):
            return len({other[name] for other in others})

        of_host = same("src_ip", "exchanged")
        of_service = same("dst_ip", "service", "exchanged")
        failures = [other for other in same("src_ip") if other["failed"]] if flow["failed"] else []
        return {
            kernels.HOST_FLOWS: len(of_host),
            kernels.HOST_PEERS: different("dst_ip", of_host),
            kernels.PAIR_PORTS: different("service", same("src_ip", "dst_ip", "exchanged")),
            kernels.HOST_PORTS: different("service", of_host),
            kernels.SERVICE_FLOWS: len(of_service),
            kernels.SERVICE_CLIENTS: different("src_ip", of_service),
            kernels.REPEATS: len(same("src_ip", "dst_ip", "service", "exchanged")),
            kernels.ALIKE: len(same("src_ip", "dst_ip", "service", "shape")),
            kernels.HOST_FAILURES: len(failures),
            kernels.SENT: sum(other["forward_payload_bytes"] for other in same("src_ip", "dst_ip", "service")),
        }


def described(flow):
    sent, received = flow["forward_payload_bytes"], flow["reverse_payload_bytes"]
    return flow | {
        "service": (flow["protocol"], flow["dst_port"]),
        "exchanged": sent > 0 and received > 0,
        "failed": flow["protocol"] not in (1,) and received == 0,
        "shape": (shape(sent), shape(received)),
    }


@composite
def flow_sequences(draw):
    """Flows of few hosts whose ends ascend, stand still, jump, or now and then come late."""
    rows = draw(
        lists(
            builds(
                dict,
                step=sampled_from([0, 1, S, 3 * S, 9 * S, 10 * S, 119 * S, 120 * S, 500 * S, -1, -4 * S, -300 * S]),
                src_ip=sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1"]),
                dst_ip=sampled_from(["10.0.0.2", "8.8.8.8"]),
                dst_port=sampled_from([53, 80, 443]),
                protocol=sampled_from([6, 17, 1]),
                forward_payload_bytes=sampled_from([0, 10, 11, 5000]),
                reverse_payload_bytes=sampled_from([0, 10, 70_000]),
            ),
            max_size=50,
        )
    )
    end = 10**18
    for row in rows:
        end += row.pop("step")
        row["end"] = end
    return rows


def add(context, batch):
    return context.add(batch, numbers(batch, "forward_payload_bytes"), numbers(batch, "reverse_payload_bytes"))


def counted(rows, sizes, capacity):
    context = Context(ContextSettings(WIDTHS_S, capacity))
    found = [add(context, piece) for piece in pieces(flows(rows), sizes)]
    return np.concatenate(found) if found else np.zeros((0, 2 * kernels.COUNTS), np.float32), context


@settings(max_examples=some(200))
@given(flow_sequences(), lists(integers(1, 20), min_size=1, max_size=4), sampled_from([16, 17, 1000]))
def test_counts_are_those_of_recounting_the_window(rows, sizes, capacity):
    found, context = counted(rows, sizes, capacity)
    windows = [TwinWindow(width, capacity) for width in WIDTHS_S]
    for row, counts in zip(rows, found, strict=True):
        expected = [window.add(described(row)) for window in windows]
        assert counts.tolist() == [float(one[place]) for one in expected for place in range(kernels.COUNTS)]
    assert context.cut_short == sum(window.cut_short for window in windows)


@given(flow_sequences())
def test_a_window_forgets_all_that_left_it(rows):
    context = Context(ContextSettings((10.0,), 100))
    far = {"end": 3 * 10**18, "src_ip": "1.1.1.1", "dst_ip": "2.2.2.2", "forward_payload_bytes": 5}
    if rows:
        add(context, flows(rows))
    add(context, flows([far]))
    window = context._windows[0]
    keys = np.count_nonzero(window.table)
    assert keys == window.counters[kernels.TABLE_USED]
    assert keys <= kernels.KEYS_AN_EVENT
    assert window.counters[kernels.RING_USED] == 1


def test_no_event_counts_under_more_keys_than_the_table_has_room_for():
    context = Context(ContextSettings((10.0,), 16))
    add(context, flows([{"forward_payload_bytes": 5, "reverse_payload_bytes": 0}]))  # failed, and sent bytes
    assert context._windows[0].counters[kernels.TABLE_USED] <= kernels.KEYS_AN_EVENT


def test_a_full_window_says_how_many_it_forgot_early():
    _, context = counted([{"end": i} for i in range(22)], (22,), 16)
    assert context.cut_short == 12  # 6 in each of two windows


def test_a_flow_counts_until_just_its_width_is_over():
    found, _ = counted([{"end": 0}, {"end": 10 * S - 1}, {"end": 10 * S}], (3,), 100)
    assert found[:, kernels.HOST_FLOWS].tolist() == [1, 2, 2]


def test_memory_does_not_grow_with_flows():
    context = Context(ContextSettings((10.0,), 64))
    before = context._windows[0].table.nbytes, context._windows[0].ring.nbytes
    add(context, flows([{"end": i, "dst_port": i % 60_000} for i in range(3000)]))
    assert (context._windows[0].table.nbytes, context._windows[0].ring.nbytes) == before


def test_features_are_named_after_their_windows():
    names = [feature.name for feature in Context(ContextSettings((2.5, 120.0))).features]
    assert len(set(names)) == 2 * kernels.COUNTS
    assert names[0] == "host_flows_2.5s"


@given(lists(sampled_from(["", "a", "b", "ab", "10.0.0.1", "10.0.0.11"]), min_size=1, max_size=20), integers(0, 10))
def test_equal_texts_alone_have_equal_hashes(texts, skipped):
    batch = flows([{"src_ip": text} for text in texts])
    hashes = text_hashes(batch, "src_ip", 7)
    assert len(set(hashes.tolist())) == len(set(texts))
    if skipped < len(texts):
        assert text_hashes(batch.slice(skipped), "src_ip", 7).tolist() == hashes[skipped:].tolist()
