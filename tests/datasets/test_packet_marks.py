"""Labels of packets, found again in flows; compared with counting frames."""

import struct

import numpy as np
import pyarrow as pa
import pytest

from oddflow import api, baselines
from oddflow.datasets.packet_marks import PacketMarks
from oddflow.errors import InputError, UsageError
from tests.cli.captures import capture, packets_of


def ends_of(frame):
    """Both (address, port) of a TCP or UDP packet over IPv4, in any order; None for others."""
    if frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
        return None
    src, dst = ((".".join(map(str, frame[at : at + 4]))) for at in (26, 30))
    src_port, dst_port = struct.unpack(">HH", frame[34:38])
    return frozenset([(src, src_port), (dst, dst_port)])


@pytest.fixture(name="labelled")
def labelled_capture(tmp_path):
    """A capture and labels at random, as many as there are packets."""
    frames = packets_of(seconds=60, scan=True, seed=5)
    labels = np.random.default_rng(1).random(len(frames)) < 0.2
    (tmp_path / "a.pcap").write_bytes(capture(seconds=60, scan=True, seed=5))
    lines = "".join(f"{number};{int(label)}\n" for number, label in enumerate(labels, 1))
    (tmp_path / "a.csv").write_text(lines)
    return tmp_path, frames, labels


def test_each_packet_of_a_flow_has_its_own_label(labelled):
    folder, frames, labels = labelled
    expected = {}
    for (_, frame), label in zip(frames, labels, strict=True):
        expected.setdefault(ends_of(frame), []).append(label)
    marks = PacketMarks.read(str(folder / "a.pcap"), str(folder / "a.csv"))
    assert marks.attacks == labels.sum()
    batch = pa.Table.from_batches(api.flows(folder / "a.pcap")).combine_chunks().to_batches()[0]
    is_attack, found = marks.of(batch)
    checked = 0
    for place, flow in enumerate(batch.select(["src_ip", "src_port", "dst_ip", "dst_port", "protocol"]).to_pylist()):
        ends = frozenset([(flow["src_ip"], flow["src_port"]), (flow["dst_ip"], flow["dst_port"])])
        wanted = expected.get(ends, [])
        if flow["protocol"] not in (6, 17) or not wanted:
            continue
        np.testing.assert_array_equal(found[place, : len(wanted)], wanted)
        assert not found[place, len(wanted) :].any()
        assert is_attack[place] == any(wanted)
        checked += 1
    assert checked > 100


def test_labels_become_rows_with_marks(labelled):
    folder, _, _ = labelled
    words = {"packet_labels": [folder / "a.csv"]}
    packets = baselines.gather_labelled(folder / "a.pcap", detector="packet-segmentation", **words)
    assert packets.marks.shape == (len(packets.x), 32)
    np.testing.assert_array_equal(packets.marks.any(axis=1), packets.y > 0)  # none is longer than 32 packets
    assert packets.flows == (packets.y == 0).sum()
    cells = baselines.gather_labelled(folder / "a.pcap", detector="matrix-segmentation", **words)
    assert cells.marks.shape == cells.x.shape
    assert not cells.marks[cells.x == 0].any()
    np.testing.assert_array_equal(cells.marks[:, 27::28].any(axis=1), cells.y > 0)
    assert baselines.gather_labelled(folder / "a.pcap", **words).marks.shape == (len(packets.x), 32)


def test_labels_of_another_capture_are_refused(labelled, tmp_path):
    folder, _, labels = labelled
    (tmp_path / "short.csv").write_text("1;0\n2;1\n")
    with pytest.raises(InputError, match=f"{len(labels):,} packets, and .*short.csv labels 2; do they belong"):
        PacketMarks.read(str(folder / "a.pcap"), str(tmp_path / "short.csv"))
    with pytest.raises(UsageError, match="1 captures and 2 files of labels"):
        baselines.gather_labelled(folder / "a.pcap", packet_labels=[folder / "a.csv"] * 2)
    with pytest.raises(UsageError, match="one of them alone"):
        baselines.gather_labelled(folder / "a.pcap")
