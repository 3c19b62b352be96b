"""The statistics of CICFlowMeter: each by hand on two flows."""

import math
import statistics as python

import pytest
from tests.capture.build import ipv4, tcp, udp
from tests.flows.twin import packet_batch

from oddflow.flows.meter import Meter
from oddflow.flows.statistics import STATISTICS, statistics

S = 10**9
CLIENT, SERVER = "10.0.0.9", "10.0.0.1"
SYN, PSH, ACK, URG, FIN = 2, 8, 16, 32, 1


def packet(at_s, payload, sequence, flags=ACK, *, back=False, window=512):
    ends = {"src": SERVER, "dst": CLIENT} if back else {"src": CLIENT, "dst": SERVER}
    ports = (80, 4000) if back else (4000, 80)
    return round(at_s * S), ipv4(tcp(bytes(payload), *ports, flags, window, sequence=sequence), 6, **ends)


def statistics_of(packets):
    meter = Meter()
    batches = [*meter.add(packet_batch(packets, 101, 1)), *meter.close()]
    (row,) = [row for batch in batches for row in statistics(batch).to_pylist()]
    return row


WEB = [
    packet(0, 0, 99, SYN, window=1000),
    packet(0.1, 0, 499, SYN | ACK, back=True, window=2000),
    packet(0.2, 30, 100, PSH | ACK),
    packet(0.5, 100, 500, ACK, back=True),
    packet(0.6, 100, 600, ACK, back=True),
    packet(0.7, 100, 700, ACK, back=True),
    packet(0.8, 50, 800, PSH | ACK | URG, back=True),
    packet(8.8, 0, 130, FIN | ACK),
]
FORWARD_GAPS = [200_000, 8_600_000]
REVERSE_GAPS = [400_000, 100_000, 100_000, 100_000]
GAPS = [100_000, 100_000, 300_000, 100_000, 100_000, 100_000, 8_000_000]
FORWARD, REVERSE = [0, 30, 0], [0, 100, 100, 100, 50]

BY_HAND = {
    "Flow Duration": 8_800_000, "Tot Fwd Pkts": 3, "Tot Bwd Pkts": 5, "TotLen Fwd Pkts": 30, "TotLen Bwd Pkts": 350,
    "Fwd Pkt Len Max": 30, "Fwd Pkt Len Min": 0, "Fwd Pkt Len Mean": 10, "Fwd Pkt Len Std": python.stdev(FORWARD),
    "Bwd Pkt Len Max": 100, "Bwd Pkt Len Min": 0, "Bwd Pkt Len Mean": 70, "Bwd Pkt Len Std": python.stdev(REVERSE),
    "Flow Byts/s": 380 / 8.8, "Flow Pkts/s": 8 / 8.8,
    "Flow IAT Mean": python.mean(GAPS), "Flow IAT Std": python.stdev(GAPS),
    "Flow IAT Max": 8_000_000, "Flow IAT Min": 100_000,
    "Fwd IAT Tot": 8_800_000, "Fwd IAT Mean": 4_400_000, "Fwd IAT Std": python.stdev(FORWARD_GAPS),
    "Fwd IAT Max": 8_600_000, "Fwd IAT Min": 200_000,
    "Bwd IAT Tot": 700_000, "Bwd IAT Mean": 175_000, "Bwd IAT Std": python.stdev(REVERSE_GAPS),
    "Bwd IAT Max": 400_000, "Bwd IAT Min": 100_000,
    "Fwd PSH Flags": 1, "Bwd PSH Flags": 1, "Fwd URG Flags": 0, "Bwd URG Flags": 1,
    "Fwd Header Len": 120, "Bwd Header Len": 200, "Fwd Pkts/s": 3 / 8.8, "Bwd Pkts/s": 5 / 8.8,
    "Pkt Len Min": 0, "Pkt Len Max": 100, "Pkt Len Mean": 47.5,
    "Pkt Len Std": python.stdev(FORWARD + REVERSE), "Pkt Len Var": python.variance(FORWARD + REVERSE),
    "FIN Flag Cnt": 1, "SYN Flag Cnt": 2, "RST Flag Cnt": 0, "PSH Flag Cnt": 2, "ACK Flag Cnt": 7, "URG Flag Cnt": 1,
    "CWE Flag Cnt": 0, "ECE Flag Cnt": 0, "Down/Up Ratio": 5 / 3, "Pkt Size Avg": 47.5,
    "Fwd Seg Size Avg": 10, "Bwd Seg Size Avg": 70,
    "Fwd Byts/b Avg": None, "Fwd Pkts/b Avg": None, "Fwd Blk Rate Avg": None,
    "Bwd Byts/b Avg": 350, "Bwd Pkts/b Avg": 4, "Bwd Blk Rate Avg": 350 / 0.3,
    "Subflow Fwd Pkts": 1.5, "Subflow Fwd Byts": 15, "Subflow Bwd Pkts": 2.5, "Subflow Bwd Byts": 175,
    "Init Fwd Win Byts": 1000, "Init Bwd Win Byts": 2000, "Fwd Act Data Pkts": 1, "Fwd Seg Size Min": 40,
    "Active Mean": 400_000, "Active Std": python.stdev([800_000, 0]), "Active Max": 800_000, "Active Min": 0,
    "Idle Mean": 8_000_000, "Idle Std": 0, "Idle Max": 8_000_000, "Idle Min": 8_000_000,
}  # fmt: skip


def test_every_statistic_has_a_case():
    assert set(BY_HAND) == {statistic.cic_name for statistic in STATISTICS}
    assert len(STATISTICS) == len({statistic.name for statistic in STATISTICS}) == 76


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.cic_name)
def test_a_statistic_by_hand(statistic):
    found, wanted = statistics_of(WEB)[statistic.name], BY_HAND[statistic.cic_name]
    assert found == wanted if wanted is None else math.isclose(found, wanted, rel_tol=1e-12)


def test_a_single_packet_has_no_rate_and_no_gap():
    row = statistics_of([(0, ipv4(udp(b"x"), 17))])
    without = {name for name, value in row.items() if value is None}
    assert {"payload_bytes_per_s", "flow_gap_mean_us", "reverse_length_mean_bytes", "idle_mean_us"} <= without
    assert (row["forward_length_mean_bytes"], row["forward_length_std_bytes"], row["active_mean_us"]) == (1, 0, 0)
