"""The traffic matrix, compared with recounting each host's flows; and how its cells are told."""

from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, integers, just, lists, sampled_from
from tests.features.build import S, flows, pieces

from oddflow.errors import UsageError
from oddflow.features.matrix_settings import CELLS, PORT_EDGES, ROWS, SLOTS, MatrixCounts, MatrixRows, MatrixSettings
from oddflow.features.traffic_matrix import TrafficMatrix

HOSTS = [f"10.0.0.{host}" for host in range(20)]


def flow(at, src, dst, port, size):
    return {"end": at, "src_ip": src, "dst_ip": dst, "dst_port": port, "forward_bytes": size, "reverse_bytes": 2 * size}


hosts = sampled_from(HOSTS)
sequences = lists(
    builds(flow, integers(0, 200).map(lambda at: at * S), hosts, hosts, integers(0, 65_535), integers(0, 900)),
    min_size=1,
    max_size=60,
)


def row_of(one, rows):
    if rows is MatrixRows.PEERS:
        return ip_address(one["dst_ip"]).packed[-1] * ROWS // 256
    return next(row for row in range(ROWS) if PORT_EDGES[row] <= one["dst_port"] < PORT_EDGES[row + 1])


def recounted(rows, given):
    """Each flow's image from a list of what its host did, 16 hosts at most; what comes late counts as of now."""
    held, found = {}, []
    for one in rows:
        if one["src_ip"] not in held and len(held) == given.max_hosts:
            del held[next(iter(held))]
        events = held.pop(one["src_ip"], [])
        slot = max([one["end"] // round(given.slot_s * S), *(slot for slot, _, _ in events)])
        amount = 1 if given.counts is MatrixCounts.FLOWS else one["forward_bytes"] + one["reverse_bytes"]
        held[one["src_ip"]] = [*events, (slot, row_of(one, given.rows), amount)]  # last in, last to give way
        image = np.zeros((ROWS, SLOTS))
        for when, row, much in held[one["src_ip"]]:
            if slot - when < SLOTS:
                image[row, SLOTS - 1 - (slot - when)] += much
        found.append(image.reshape(-1))
    return np.array(found)


@settings(max_examples=30, deadline=None)
@given(
    sequences,
    builds(
        MatrixSettings,
        sampled_from(MatrixRows),
        sampled_from([MatrixCounts.FLOWS, MatrixCounts.BYTES]),
        sampled_from([1.0, 2.5]),
        just(16),
    ),
    lists(integers(1, 20), min_size=1, max_size=4),
)
def test_images_are_those_of_recounting_in_any_pieces(rows, given, sizes):
    matrix = TrafficMatrix(given)
    images = np.concatenate([matrix.rows(piece) for piece in pieces(flows(rows), sizes)])
    np.testing.assert_allclose(images, recounted(rows, given), rtol=1e-6)


def test_another_source_begins_with_empty_images():
    matrix, batch = TrafficMatrix(), flows([flow(S, HOSTS[0], HOSTS[1], 80, 1)])
    matrix.rows(batch)
    matrix.begin()
    assert matrix.rows(batch).sum() == 1


def test_hosts_that_give_way_while_they_are_seen_are_counted():
    matrix = TrafficMatrix(MatrixSettings(max_hosts=16))
    matrix.rows(flows([flow(S, host, HOSTS[1], 80, 1) for host in HOSTS]))
    assert matrix.remarks() == [
        "more than 16 hosts at once: 4 times a host's recent traffic was forgotten for another's"
    ]
    calm = TrafficMatrix(MatrixSettings(max_hosts=16))
    calm.rows(flows([flow(S * 100 * place, host, HOSTS[1], 80, 1) for place, host in enumerate(HOSTS)]))
    assert calm.remarks() == []


def test_cells_say_what_how_much_and_when():
    features = MatrixSettings().features()
    assert len(features) == len({feature.name for feature in features}) == CELLS
    assert features[8 * SLOTS + 26].words == "{value} flows to ports 23–34, 2 s before"
    assert features[-1].words == "{value} flows to ports 44103–65535, in the 2 s in which it ended"
    peers = MatrixSettings(MatrixRows.PEERS, MatrixCounts.BYTES).features()
    assert peers[0].words == "{value} to addresses that end in 0–9, 54 s before"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rows": "hosts"}, "ports, peers"),
        ({"counts": "stars"}, "flows, packets, bytes"),
        ({"slot_s": 0}, "0.01 to 3,600"),
        ({"max_hosts": 3}, "16 to 65,536"),
    ],
)
def test_settings_that_draw_nothing_are_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        MatrixSettings(**wrong)


def test_settings_come_back_from_a_manifest():
    given = MatrixSettings(MatrixRows.PEERS, MatrixCounts.PACKETS, 5.0, 64)
    assert MatrixSettings.of(given.as_dict()) == given
    with pytest.raises(UsageError, match="another version"):
        MatrixSettings.of({"rows": "ports"})
