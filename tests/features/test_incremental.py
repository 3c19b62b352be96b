"""AfterImage in a kernel: as its plain twin, and as Kitsune-py, say; and bounded."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.capture.build import ether, icmp, ipv4, ipv6, pcap, tcp, udp
from tests.features.twin_incremental import Incremental

from oddflow.capture.reader import packets
from oddflow.errors import UsageError
from oddflow.features._layout import LINKED
from oddflow.features.incremental import FEATURES, IncrementalStatistics, within_bounds
from oddflow.losses import Ledger

KITSUNE = {
    "modbus/moving_two_files_modbus_6RTU": "moving_two_files_modbus_6RTU",
    "cic-ddos2019/benign-syn": "benign-syn",
}
CORRELATIONS = np.array(["_correlation_" in feature.name for feature in FEATURES])
JITTER = np.array([feature.name.startswith("jitter") for feature in FEATURES])
START_S = 1_700_000_000


@dataclass(frozen=True)
class Sent:
    """A packet as a test thinks of it: hosts and ports are small numbers."""

    time_us: int
    kind: str
    src: int
    dst: int
    src_port: int = 1
    dst_port: int = 2
    size: int = 0

    @property
    def frame(self):
        ends = {"src": f"10.0.0.{self.src}", "dst": f"10.0.0.{self.dst}"}
        ports = {"src": self.src_port, "dst": self.dst_port}
        data = bytes(self.size)
        if self.kind == "tcp":
            frame = ether(ipv4(tcp(data, **ports), 6, **ends))
        elif self.kind == "udp":
            frame = ether(ipv4(udp(data, **ports), 17, **ends))
        elif self.kind == "icmp":
            frame = ether(ipv4(icmp(8, 0, data), 1, **ends))
        elif self.kind == "gre":
            frame = ether(ipv4(data + bytes(8), 50, **ends))
        elif self.kind == "udp6":
            frame = ether(ipv6(udp(data, **ports), 17, src=self.src, dst=self.dst), 0x86DD)
        else:
            ends = b"".join(bytes(6) + bytes([10, 0, 0, host]) for host in (self.src, self.dst))
            frame = ether(b"\x00\x01\x08\x00\x06\x04\x00\x01" + ends, 0x0806)
        return frame[:6] + bytes(5) + bytes([self.src]) + frame[12:]

    @property
    def told(self):
        """What the twin is told."""
        version = 6 if self.kind == "udp6" else 4
        src, dst = (version, self.src), (version, self.dst)
        here, there = {
            "tcp": (self.src_port, self.dst_port), "udp": (self.src_port, self.dst_port),
            "udp6": (self.src_port, self.dst_port), "icmp": ("icmp", "icmp"), "gre": ("", ""), "arp": (0, 0),
        }[self.kind]  # fmt: skip
        sockets = ((src, here), (dst, there))
        if self.kind == "arp":
            sockets = (("mac", self.src), ("mac", "all"))
        seconds, rest = divmod(self.time_us, 10**6)
        return (START_S + seconds + rest / 1e6, len(self.frame), self.src, src, dst, *sockets)


def computed(sent, tmp_path, statistics=None):
    """The features of packets, read from a capture of them."""
    path = tmp_path / "sent.pcap"
    path.write_bytes(pcap([(START_S + s.time_us // 10**6, s.time_us % 10**6, s.frame) for s in sent]))
    statistics = statistics or IncrementalStatistics()
    found = [statistics.add(batch, range(batch.count)) for batch in packets(str(path), Ledger())]
    return np.concatenate(found)


def expected(sent, linked=LINKED):
    twin = Incremental(linked)
    return np.array([twin.features(*packet.told) for packet in sent])


def assert_alike(found, wanted):
    """To float32's digits; rounding leaves of variances what is small beside squared sizes, and of correlations nothing
    where the spread is such a remainder."""
    assert found.shape == wanted.shape
    plain = ~CORRELATIONS & ~JITTER
    np.testing.assert_allclose(found[:, plain], wanted[:, plain], rtol=1e-5, atol=2e-3)
    np.testing.assert_allclose(found[:, JITTER], wanted[:, JITTER], rtol=1e-4, atol=1e-9)
    for place in np.flatnonzero(CORRELATIONS):
        variance, radius = wanted[:, place - 4], wanted[:, place - 3]
        other = np.sqrt(np.maximum(0, radius**2 - variance**2))
        told = (variance > 1) & (other > 1)
        np.testing.assert_allclose(found[told, place], wanted[told, place], rtol=1e-4, atol=1e-6)


hosts = st.integers(1, 4)
sent = st.builds(
    Sent, st.just(0), st.sampled_from(["tcp", "udp", "icmp", "arp", "gre", "udp6"]), hosts, hosts,
    st.integers(1, 3), st.integers(1, 3), st.integers(0, 900),
)  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from([0, 0, 7, 150, 900_000, 60_000_000, -20_000]), sent), min_size=1, max_size=80)
)
@settings(max_examples=60, deadline=None)
def test_features_are_those_of_the_twin(tmp_path_factory, given_packets):
    now, packets_sent = 10**9, []
    for step, packet in given_packets:
        now += step
        if packet.src == packet.dst and packet.kind == "arp":
            continue
        packets_sent.append(
            Sent(now, *(getattr(packet, n) for n in ("kind", "src", "dst", "src_port", "dst_port", "size")))
        )
    if packets_sent:
        folder = tmp_path_factory.mktemp("sent")
        assert_alike(computed(packets_sent, folder), expected(packets_sent))


def crowd(peers, turns):
    """One host talks with many in turn, who answer."""
    chance = np.random.default_rng(0)
    found, now = [], 0
    for _ in range(turns):
        for peer in range(2, 2 + peers):
            for src, dst in ((1, peer), (peer, 1)):
                now += int(chance.integers(1, 50_000))
                found.append(Sent(now, "tcp", src, dst, 5, 5, int(chance.integers(0, 500))))
    return found


def test_pairs_that_were_not_talked_over_of_late_stand_still(tmp_path):
    packets_sent = crowd(40, 3)
    found = computed(packets_sent, tmp_path)
    assert_alike(found, expected(packets_sent))
    assert not np.allclose(expected(packets_sent), expected(packets_sent, None), rtol=1e-3, atol=1e-3)


def test_a_few_partners_are_all_followed(tmp_path):
    packets_sent = crowd(LINKED, 4)
    assert_alike(computed(packets_sent, tmp_path), expected(packets_sent, None))


def test_a_full_table_forgets_what_was_quiet_longest_and_counts_it(tmp_path):
    talker = [Sent(2_000 * i, "udp", 200, 201, 7, 7, 100) for i in range(600)]
    others = [Sent(2_000 * i + 1, "udp", 1 + i % 190, 202, 1 + i // 190, 9) for i in range(600)]
    both = [packet for pair in zip(talker, others, strict=True) for packet in pair]
    statistics = IncrementalStatistics(max_streams=64)
    found = computed(both, tmp_path, statistics)
    assert statistics.forgotten > 500
    # who talks all the time is never forgotten
    np.testing.assert_allclose(found[::2, :15], expected(both)[::2, :15], rtol=1e-5, atol=2e-3)
    roomy = IncrementalStatistics()
    computed(both, tmp_path, roomy)
    assert roomy.forgotten == 0


def test_features_do_not_depend_on_how_packets_come_in_batches(tmp_path):
    packets_sent = crowd(5, 20)
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(START_S, s.time_us % 10**6, s.frame) for s in packets_sent]))
    whole = IncrementalStatistics()
    (once,) = (whole.add(batch, range(batch.count)) for batch in packets(str(path), Ledger()))
    parts = IncrementalStatistics()
    for batch in packets(str(path), Ledger()):
        pieces = [parts.add(batch, range(start, min(batch.count, start + 7))) for start in range(0, batch.count, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), once)


def test_packets_that_were_lost_have_no_features(tmp_path):
    path = tmp_path / "x.pcap"
    good = Sent(0, "udp", 1, 2).frame
    path.write_bytes(pcap([(0, 0, good), (0, 1, good[:20]), (0, 2, good)]))
    statistics = IncrementalStatistics()
    (found,) = (statistics.add(batch, range(batch.count)) for batch in packets(str(path), Ledger()))
    assert found[:, 0].tolist() == [1, pytest.approx(2, abs=1e-4)]


def test_features_stay_finite_after_a_long_silence(tmp_path):
    days = [
        Sent(86_400_000_000 * day + step, "tcp", 1 + step % 2, 2 - step % 2, 1, 1, 10 * step)
        for day in range(3)
        for step in range(9)
    ]
    found = computed(days, tmp_path)
    assert np.isfinite(found).all()
    assert abs(within_bounds(found)[:, CORRELATIONS]).max() <= 1


def test_names_are_unique_and_say_the_window():
    assert len({feature.name for feature in FEATURES}) == 100
    jitter = next(feature for feature in FEATURES if feature.name == "jitter_mean_10s")
    assert jitter.words == "jitter: {value} from packet to packet on the channel {src} → {dst} in 10 s"


@pytest.mark.parametrize("count", [0, 63, 1 << 25])
def test_tables_of_no_use_are_refused(count):
    with pytest.raises(UsageError, match=f"max_streams is {count}"):
        IncrementalStatistics(count)


@pytest.mark.parametrize("capture", KITSUNE)
def test_features_are_those_of_kitsune_py(shared, capture):
    statistics = IncrementalStatistics()
    path = str(shared / f"{capture}.pcap")
    found = np.concatenate([statistics.add(batch, range(batch.count)) for batch in packets(path, Ledger())])
    with np.load(shared / "kitsune" / f"{KITSUNE[capture]}.npz", allow_pickle=False) as kitsune:
        wanted = kitsune["features"]
    np.testing.assert_allclose(found[:, ~CORRELATIONS], wanted[:, ~CORRELATIONS], rtol=1e-6, atol=1e-8)
    # of 33,190 and 20,000 correlations, those of spreads that rounding alone has made
    wrong = ~np.isclose(found[:, CORRELATIONS], wanted[:, CORRELATIONS], rtol=1e-5, atol=1e-6)
    assert wrong.sum() <= 16
