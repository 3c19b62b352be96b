"""A detection as a real run gives it: a scan, password guessing, slow HTTP, a tunnel, two benign rows."""

import random
from dataclasses import replace

from oddflow.datasets.truth import TruthReport
from oddflow.losses import Ledger, Loss
from oddflow.verdicts.alert import Alert, AlertRow, Reason
from oddflow.verdicts.detection import (
    AttackOutcome,
    Detection,
    ScoreHistogram,
    Threshold,
    Timeline,
    TruthSummary,
)
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.outcome import IncidentOutcome

SECOND = 1_000_000_000
START = 1_770_019_200 * SECOND
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>\u202e{{7*7}}&amp;</style></title>"
TLS = bytes.fromhex("16030100f8010000f40303") + random.Random(3).randbytes(700)

HISTOGRAM = ScoreHistogram(
    edges=tuple(round(0.25 * i, 2) for i in range(61)),
    normal=tuple(int(9_000 * 0.72 ** abs(i - 6)) if i < 34 else 0 for i in range(60)),
    seen=tuple(
        (int(5_200 * 0.74 ** abs(i - 6)) if i < 30 else 0)
        + {36: 1, 37: 2, 41: 31, 44: 480, 45: 390, 46: 130, 52: 1}.get(i, 0)
        for i in range(60)
    ),
)


SCAN_WORDS = "398 different ports on one host in 9 s; normal here: at most 3"


def reason(feature="host_ports_60s", value=398.0, normal=(0.0, 3.0), share=0.62, text=SCAN_WORDS):
    return Reason(feature, value, *normal, share, text)


def alert(number=1, **changes):
    fields = {
        "id": f"{number:016x}",
        "start_ns": START + 3_600 * SECOND,
        "end_ns": START + 3_601 * SECOND,
        "src_ip": "10.0.0.66",
        "src_port": 40_000 + number % 20_000,
        "dst_ip": "10.0.0.5",
        "dst_port": 22,
        "protocol": 6,
        "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        "score": 9.5,
        "rarity": "beyond all 40,000 held-back flows",
        "reasons": (reason(),),
        "packets": 2,
        "size_bytes": 100,
        "lengths": (60, -40),
        "gaps_us": (0, 83),
        "payload": b"",
        "source": "monday.pcap",
        "first_packet": 120_000 + number,
        "wireshark_filter": "ip.addr == 10.0.0.66 && ip.addr == 10.0.0.5 && tcp.port == 22",
        "truth": None,
    }
    return Alert(**{**fields, **changes})


def scan():
    return [
        alert(
            port,
            start_ns=START + (3_600 + port // 112) * SECOND,
            end_ns=START + (3_600 + port // 112) * SECOND + 90_000,
            dst_port=port,
            score=11.6 - port / 5_000,
            truth="port scan",
            reasons=(
                reason(),
                reason(
                    "host_refused_share",
                    0.98,
                    (0.0, 0.04),
                    0.23,
                    "98 % of this host's connections refused; normal: at most 4 %",
                ),
                reason(
                    "payload_bytes",
                    0.0,
                    (74.0, 1_480_220.0),
                    0.09,
                    "no payload at all; normal here: at least 74 bytes",
                ),
                reason(
                    "duration",
                    0.000083,
                    (0.0021, 3_600.0),
                    0.06,
                    "it lasted 83 µs; normal here: at least 2.1 ms",
                ),
            ),
        )
        for port in range(1, 1_001)
    ]


def guessing():
    lengths = (
        60,
        -60,
        52,
        73,
        -93,
        52,
        -1132,
        1284,
        -132,
        116,
        -732,
        68,
        -52,
        96,
        -96,
        120,
        -136,
        200,
        -136,
        200,
        -136,
        200,
        -52,
        52,
        -52,
    )
    return [
        alert(
            2_000 + n,
            start_ns=START + (7_200 + 41 * n) * SECOND,
            end_ns=START + (7_204 + 41 * n) * SECOND,
            src_ip="10.0.0.66",
            score=10.4 - n / 100,
            packets=25,
            size_bytes=5_214,
            lengths=lengths,
            gaps_us=tuple(20_000 + 7_919 * i % 90_000 for i in range(25)),
            payload=b"SSH-2.0-libssh2_1.10.0\r\nSSH-2.0-OpenSSH_9.6p1\r\n" + random.Random(n).randbytes(420),
            truth="password guessing",
            reasons=(
                reason(
                    "service_flows_900s",
                    31,
                    (0, 2),
                    0.71,
                    "31 connections to one service in 15 min; normal: at most 2",
                ),
                reason("reverse_bytes_per_packet", 161, (90, 1_460), 0.12, "short answers: 161 bytes a packet"),
            ),
        )
        for n in range(31)
    ]


def slow_http():
    return [
        alert(
            3_000 + n,
            start_ns=START + (11_000 + n) * SECOND,
            end_ns=START + (11_900 + n) * SECOND,
            src_ip="10.0.0.71",
            dst_port=80,
            score=9.9 - n / 100,
            packets=64,
            size_bytes=4_022,
            lengths=(60, -60, 52, 289, -52, *(70, -52) * 13, 70),
            gaps_us=tuple(15_000_000 - 1_000 * i for i in range(32)),
            payload=b"GET /?418 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\n" + b"X-a: 4101\r\n" * 40,
            truth="slow http",
            reasons=(
                reason(
                    "gap_mean",
                    14.99,
                    (0.0004, 4.2),
                    0.8,
                    "15.0 s between packets; normal here: at most 4.2 s",
                ),
            ),
        )
        for n in range(60)
    ]


def tunnel():
    return [
        alert(
            4_000 + n,
            start_ns=START + (1_800 + 300 * n) * SECOND,
            end_ns=START + (1_802 + 300 * n) * SECOND,
            src_ip="10.0.0.23",
            dst_ip="2001:db8::53",
            dst_port=53,
            protocol=17,
            score=9.4 - n / 1_000,
            packets=128,
            size_bytes=31_000,
            lengths=(281, -412) * 16,
            gaps_us=(0, *(900 * (i % 7 + 1) for i in range(31))),
            payload=b"\x2a\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x3fk5qw4zdfnzxw4ylsmu2tgnbqgey" * 20,
            truth="dns tunnel",
            reasons=(
                reason(
                    "payload_entropy",
                    7.31,
                    (1.2, 5.4),
                    0.55,
                    "nearly random: 7.31 bits a byte; normal here: at most 5.4",
                ),
                reason(
                    "forward_bytes",
                    16_432,
                    (52, 410),
                    0.31,
                    "16,432 bytes asked of a name server; normal here: at most 410",
                ),
            ),
        )
        for n in range(42)
    ]


def benign():
    backup = alert(
        5_000,
        src_ip="10.0.0.9",
        dst_ip="10.0.0.200",
        dst_port=873,
        score=9.31,
        packets=1_204_331,
        size_bytes=1_733_204_119,
        start_ns=START + 9_000 * SECOND,
        end_ns=START + 9_700 * SECOND,
        lengths=(60, -60, 52, *(1500,) * 20, -52, *(1500,) * 8),
        gaps_us=(0, *(12,) * 31),
        payload=b"@RSYNCD: 31.0\n" * 3,
        truth="",
        rarity="1 in 20,000 held-back flows",
        reasons=(reason("forward_bytes", 1.73e9, (40, 2.1e8), 0.9, "1.73 GB sent; normal here: at most 210 MB"),),
    )
    hostile = alert(
        6_000,
        id=HOSTILE,
        src_ip="10.0.0.12",
        dst_ip=HOSTILE,
        dst_port=0,
        protocol=1,
        score=9.12,
        community_id=HOSTILE,
        rarity=HOSTILE,
        source=HOSTILE,
        wireshark_filter=HOSTILE,
        payload=HOSTILE.encode(),
        truth="",
        reasons=(reason(HOSTILE, 3, (5, 3_000_000), 0.5, HOSTILE),),
    )
    return [[backup], [hostile]]


FEATURES = [
    {
        "name": "host_ports_60s",
        "unit": "ports",
        "scale": "log",
        "words": "{value} different ports in {window}",
        "low": 0,
        "high": 3,
    },
    {
        "name": "gap_mean",
        "unit": "s",
        "scale": "log",
        "words": "{value} between packets",
        "low": 0.0004,
        "high": 4.2,
    },
    {
        "name": "forward_bytes",
        "unit": "bytes",
        "scale": "log",
        "words": "{value} sent",
        "low": 40,
        "high": 210_000_000,
    },
    ["payload_entropy", "bits", "linear", "payload of {value}"],
    {"name": "protocol", "unit": "", "scale": "category", "words": "protocol {value}"},
]

MODEL = {
    "detector": "variational_autoencoder",
    "created": "2026-01-30T09:12:44Z",
    "oddflow": "0.1.0",
    "schema_version": 1,
    "features": FEATURES,
    "provenance": {
        "sources": ["thursday.pcap", "friday.pcap"],
        "start": "2026-01-29T00:00:00Z",
        "end": "2026-01-30T09:00:00Z",
        "seed": 42,
        "losses": {"unit": "packets", "total": 9_100_400, "metered": 9_099_120, "lost": 1_280},
    },
    "training": {
        "rows": 412_004,
        "epochs": 24,
        "early_stop": True,
        "curve": [0.9, 0.5, 0.4, 0.3, 0.2, 0.19, 0.18, 0.17, 0.16],
    },
    "calibration": {"held_back": 40_000, "quantiles": {"0.99": 4.1, "0.999": 7.4}},
    "metrics": {"roc_auc": 0.9921, "average_precision": 0.874},
    "parts": {
        "graph.onnx": {
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "bytes": 91_204,
        }
    },
}


def ledger():
    counted = Ledger()
    counted.used(1_284_114)
    counted.lost(Loss.NOT_IP, 4_120, "LLDP")
    counted.lost(Loss.SNAPPED, 212)
    counted.lost(Loss.LINK_TYPE, 9, "USBPcap <b>")
    counted.damaged("captures/monday.pcap ends in the middle of a packet, after 184 MB")
    counted.evicted_flows = 17
    return counted


def rows():
    groups = [scan(), guessing(), slow_http(), tunnel(), *benign()]
    return [AlertRow(rank, alerts) for rank, alerts in enumerate(groups, 1)]


def timeline(found):
    bins, width_ns = 144, 100 * SECOND
    noise = random.Random(1)
    flows = [int(120 + 90 * min(1, i / 40) + noise.gauss(0, 14)) for i in range(bins)]
    alerts = [0] * bins
    for each in (alert for row in found for alert in row.alerts):
        alerts[(each.start_ns - START) // width_ns] += 1
    flows = [max(normal, 0) + odd // 4 for normal, odd in zip(flows, alerts, strict=True)]
    return Timeline(START, width_ns, tuple(flows), tuple(alerts))


def joined(found):
    """The incidents of these rows; their alerts are told which they belong to."""
    gathered = Incidents(9.0)
    alerts = sorted((alert for row in found for alert in row.alerts), key=lambda alert: alert.end_ns)
    strands = {id(alert): gathered.add(alert) for alert in alerts}
    incidents = gathered.incidents()
    for row in found:
        row.alerts[:] = [replace(alert, incident=gathered.id_of(strands[id(alert)])) for alert in row.alerts]
    return incidents


ATTACKS = ("port scan", "password guessing", "slow http", "dns tunnel", "heartbleed")


def detection(**changes):
    found = rows() if "rows" not in changes else changes["rows"]
    incidents = joined(found)
    fields = {
        "sources": ["captures/monday.pcap"],
        "rows": found,
        "threshold": Threshold(
            score=9.0,
            budget="10 false alarms a day",
            promise="with 95 % confidence, fewer than 1 in 13,300 normal flows reach this score",
            expected_false=0.42,
            held_back=40_000,
        ),
        "histogram": HISTOGRAM,
        "timeline": timeline(found),
        "flows": 28_412,
        "ledger": ledger(),
        "model": MODEL,
        "truth": TruthSummary(
            attacks=(
                AttackOutcome("port scan", 1_000, 1_000, 1),
                AttackOutcome("password guessing", 31, 31, 2),
                AttackOutcome("slow http", 64, 60, 3),
                AttackOutcome("dns tunnel", 48, 42, 4),
                AttackOutcome("heartbleed", 1, 0, None),
            ),
            benign_flows=27_268,
            false_alerts=2,
            false_rows_in_first_20=2,
            joined=TruthReport(5, 0, (), 0, ""),
            incidents=IncidentOutcome.of(incidents, ATTACKS),
        ),
        "incidents": incidents,
        "remarks": [
            "The first 15 minutes are warm-up: what counts flows in windows saw less than it will.",
            "3 of 77 features lie outside their baseline range; the model may need to learn again.",
        ],
    }
    return Detection(**{**fields, **changes})


def empty():
    return detection(
        rows=[],
        truth=None,
        remarks=[],
        timeline=Timeline(START, SECOND, (), ()),
        histogram=ScoreHistogram((), (), ()),
        flows=0,
        ledger=Ledger(),
        model={},
        sources=[],
    )
