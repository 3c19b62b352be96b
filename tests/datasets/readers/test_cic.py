import numpy as np
import pytest

from oddflow.datasets.readers.cic import layout_of
from oddflow.errors import InputError
from oddflow.flows.statistics import STATISTICS
from tests.datasets.given import classes, rows_of

LABELS = ("BENIGN", "Web Attack – XSS")
FIRST = (
    " Destination Port, Flow Duration, Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets, "
    "Total Length of Bwd Packets, Fwd Packet Length Max, Fwd Packet Length Min, Fwd Packet Length Mean, "
    "Fwd Packet Length Std,Bwd Packet Length Max, Bwd Packet Length Min, Bwd Packet Length Mean, "
    "Bwd Packet Length Std,Flow Bytes/s, Flow Packets/s, Flow IAT Mean, Flow IAT Std, Flow IAT Max, Flow IAT Min,"
    "Fwd IAT Total, Fwd IAT Mean, Fwd IAT Std, Fwd IAT Max, Fwd IAT Min,Bwd IAT Total, Bwd IAT Mean, Bwd IAT Std, "
    "Bwd IAT Max, Bwd IAT Min,Fwd PSH Flags, Bwd PSH Flags, Fwd URG Flags, Bwd URG Flags, Fwd Header Length, "
    "Bwd Header Length,Fwd Packets/s, Bwd Packets/s, Min Packet Length, Max Packet Length, Packet Length Mean, "
    "Packet Length Std, Packet Length Variance,FIN Flag Count, SYN Flag Count, RST Flag Count, PSH Flag Count, "
    "ACK Flag Count, URG Flag Count, CWE Flag Count, ECE Flag Count, Down/Up Ratio, Average Packet Size, "
    "Avg Fwd Segment Size, Avg Bwd Segment Size, Fwd Header Length,Fwd Avg Bytes/Bulk, Fwd Avg Packets/Bulk, "
    "Fwd Avg Bulk Rate, Bwd Avg Bytes/Bulk, Bwd Avg Packets/Bulk,Bwd Avg Bulk Rate,Subflow Fwd Packets, "
    "Subflow Fwd Bytes, Subflow Bwd Packets, Subflow Bwd Bytes,Init_Win_bytes_forward, Init_Win_bytes_backward, "
    "act_data_pkt_fwd, min_seg_size_forward,Active Mean, Active Std, Active Max, Active Min,Idle Mean, Idle Std, "
    "Idle Max, Idle Min, Label"
)
ENDS = "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp,"
WITH_ENDS = ENDS + FIRST.partition(",")[2]
SECOND = ",".join(["Dst Port", "Protocol", "Timestamp", *(s.cic_name for s in STATISTICS), "Label"])
CORRECTED = (
    "id,Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,"
    + ",".join(s.cic_name for s in STATISTICS)
    + ",Fwd RST Flags,Bwd RST Flags,ICMP Code,ICMP Type,Total TCP Flow Time,Label,Attempted Category"
)
TEXTS = {
    "Flow ID": "x", "Source IP": "10.0.0.1", "Destination IP": "10.0.0.2", "Src IP": "10.0.0.1", "Dst IP": "10.0.0.2",
    "Protocol": "6", "Timestamp": "2017-07-05 13:15:38.693582", "Label": "BENIGN", "Destination Port": "80",
}  # fmt: skip


def row(header, **values):
    names = [name.strip() for name in header.split(",")]
    return ",".join(values.get(name.replace(" ", "_").replace("/", "_"), TEXTS.get(name, "4")) for name in names)


def write(folder, header, *rows, encoding="utf-8"):
    (folder / "x.csv").write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return rows_of("cic", folder, "x.csv", labels=LABELS)


@pytest.mark.parametrize("header", [FIRST, WITH_ENDS, SECOND, CORRECTED])
def test_all_versions_of_the_header_give_all_statistics_under_our_names(header):
    names = layout_of(header.split(","), "x.csv").names
    assert {statistic.name for statistic in STATISTICS} <= set(names)
    assert names.count("forward_header_total_bytes") == 1


def test_the_first_version_with_a_column_twice_and_a_latin_1_dash(tmp_path):
    rows = write(tmp_path, FIRST, row(FIRST), row(FIRST, Label="Web Attack – XSS"), encoding="cp1252")
    assert rows.x.shape == (2, len(STATISTICS))
    assert classes(rows) == {"BENIGN": 1, "Web Attack – XSS": 1}
    assert rows.times_ns is None
    assert rows.ends is None
    assert rows.ledger.notes == []


def test_infinity_nan_and_what_is_less_than_nothing_are_missing_and_told_of(tmp_path):
    rows = write(
        tmp_path, FIRST, row(FIRST, Flow_Bytes_s="Infinity", Flow_Packets_s="NaN", Flow_Duration="-1"), row(FIRST)
    )
    names = [feature.name for feature in rows.features]
    missing = {names[place] for place in np.flatnonzero(np.isnan(rows.x[0]))}
    assert missing == {"payload_bytes_per_s", "packets_per_s", "duration_us"}
    assert not np.isnan(rows.x[1]).any()
    assert len(rows.ledger.notes) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-07-05 13:15:38.693582", "2017-07-05T13:15:38.693582"),
        ("5/7/2017 9:42", "2017-07-05T09:42:00"),
        ("05/07/2017 03:42:10", "2017-07-05T15:42:10"),
    ],
)
def test_times_of_all_versions_and_afternoons_of_a_clock_of_12_hours(tmp_path, text, expected):
    rows = write(tmp_path, WITH_ENDS, row(WITH_ENDS, Timestamp=text, Flow_Duration="0"))
    assert rows.times_ns[0] == np.datetime64(expected, "ns").astype(np.int64)


def test_ends_and_times_split_rows_and_are_no_features(tmp_path):
    rows = write(tmp_path, CORRECTED, row(CORRECTED))
    assert rows.ends.to_pylist() == [
        {"src_ip": "10.0.0.1", "src_port": 4, "dst_ip": "10.0.0.2", "dst_port": 4, "protocol": 6}
    ]
    names = {feature.name for feature in rows.features}
    assert len(names) == len(STATISTICS) + 3
    assert not names & {"src_ip", "src_port", "dst_port", "protocol", "timestamp", "id", "Attempted Category"}


def test_rows_without_label_or_time_and_headers_in_between_are_lost(tmp_path):
    bad = row(WITH_ENDS, Timestamp="yesterday")
    empty = "," * WITH_ENDS.count(",")
    rows = write(tmp_path, WITH_ENDS, row(WITH_ENDS), empty, bad, WITH_ENDS, row(WITH_ENDS))
    assert len(rows) == 2
    assert rows.ledger.lost_total == 3


def test_a_header_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="header of CICFlowMeter"):
        write(tmp_path, "a,b,Label", "1,2,BENIGN")
    with pytest.raises(InputError, match="label"):
        write(tmp_path, FIRST.removesuffix(", Label"), "1")
