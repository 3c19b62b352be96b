"""What cannot be read: one message that says what, where and what to do; what was read is kept and reported."""

import gzip
import random

import pyarrow as pa
import pytest

from tests.capture.build import enhanced, ether, interface, ipv4, pcap, section, udp

from .call import call, refused
from .captures import capture

READERS = ("flows", "learn", "detect")
PACKET = ether(ipv4(udp(b"x")))


def read_by(command, path, tmp_path, office):
    """Runs one of the commands that read captures."""
    more = {
        "flows": [],
        "learn": ["-o", tmp_path / "new.oddflow", "--detector", "robust-pca"],
        "detect": ["-m", office.model],
    }
    return call(command, path, *more[command])


@pytest.mark.parametrize("command", READERS)
class TestNothingToRead:
    def test_a_missing_file(self, command, tmp_path, office):
        path = tmp_path / "missing.pcap"
        refused(read_by(command, path, tmp_path, office), str(path), "does not exist", "check the path")

    def test_a_directory_without_captures(self, command, tmp_path, office):
        (tmp_path / "README").write_text("nothing here")
        refused(read_by(command, tmp_path, tmp_path, office), str(tmp_path), "holds no capture, only README")

    def test_an_empty_file(self, command, tmp_path, office):
        path = tmp_path / "empty.pcap"
        path.touch()
        refused(read_by(command, path, tmp_path, office), str(path), "is empty", "still being written?")

    def test_text_that_is_named_pcap(self, command, tmp_path, office):
        path = tmp_path / "letter.pcap"
        path.write_text("Dear administrator,\n")
        refused(read_by(command, path, tmp_path, office), str(path), "b'Dear admi", "no format known", "pcapng")

    def test_no_packets(self, command, tmp_path, office):
        path = tmp_path / "none.pcap"
        path.write_bytes(pcap([]))
        refused_or_reported(read_by(command, path, tmp_path, office), "no flow in", "no packets are in it")

    def test_an_unknown_link_type(self, command, tmp_path, office):
        path = tmp_path / "odd.pcap"
        path.write_bytes(pcap([(1, 0, PACKET)] * 3, link_type=9999))
        refused_or_reported(read_by(command, path, tmp_path, office), "no flow in", "3 packets: link type not read")

    def test_a_name_that_is_too_long(self, command, tmp_path, office):
        refused(read_by(command, tmp_path / ("x" * 300), tmp_path, office), "name too long")

    def test_a_loop_of_links(self, command, tmp_path, office):
        (tmp_path / "loop.pcap").symlink_to(tmp_path / "loop.pcap")
        refused(read_by(command, tmp_path / "loop.pcap", tmp_path, office), "loop.pcap")

    def test_one_missing_among_others(self, command, tmp_path, office):
        path = tmp_path / "missing.pcap"
        outcome = read_by(command, path, tmp_path, office)
        assert outcome.code == 2
        assert not (tmp_path / "new.oddflow").exists()


def refused_or_reported(outcome, *expected):
    """As `refused`, where a report of what was read may stand before the message."""
    assert outcome.code == 2, outcome
    for words in expected:
        assert words in outcome.message, (words, outcome.message)


def test_a_capture_with_one_flow_is_metered(tmp_path):
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(1, 0, PACKET), (2, 0, PACKET)]))
    outcome = call("flows", path, "--json")
    assert (outcome.code, outcome.json["flows"]) == (0, 1)


def test_a_capture_with_one_flow_is_scored_by_a_model(tmp_path, office):
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(1, 0, PACKET), (2, 0, PACKET)]))
    outcome = call("detect", path, "-m", office.model, "--json")
    assert (outcome.code, outcome.json["flows"]) == (0, 1)


@pytest.mark.parametrize("words", [["detect"], ["learn", "--detector", "robust-pca", "-o", "unused.oddflow"]])
def test_a_capture_with_one_flow_is_too_little_to_learn_from(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([(1, 0, PACKET)]))
    outcome = call(words[0], path, *words[1:])
    assert outcome.code == 2
    assert "1 flows are too few" in outcome.message
    assert "give" in outcome.message


def cut_at(data, size, tmp_path, *words):
    path = tmp_path / "cut.pcap"
    path.write_bytes(data[:size])
    return call("flows", path, "--json", *words)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_cut_within_its_first_260_bytes(form, tmp_path):
    """Headers of the file and two packets whole, and into the third: those after it are read by the same steps."""
    frames = [(1_700_000_000 + i, ether(ipv4(udp(b"a" * 20, 1000 + i)))) for i in range(8)]
    if form == "pcap":
        data = pcap([(at, 0, frame) for at, frame in frames])
        ends = [24 + (16 + len(frames[0][1])) * i for i in range(9)]
    else:
        blocks = [section() + interface(), *(enhanced(frame, at * 1_000_000) for at, frame in frames)]
        data = b"".join(blocks)
        ends = [len(b"".join(blocks[: i + 1])) for i in range(9)]
    assert ends[2] < 260
    assert ends[-1] > 260
    for size in (*range(1, 65), *range(65, 261, 3)):
        outcome = cut_at(data, size, tmp_path)
        whole = sum(end <= size for end in ends) - 1
        if size < 4:
            assert outcome.code == 2, size
            continue
        assert outcome.code == (0 if whole > 0 else 2), (size, outcome)
        assert outcome.json["flows"] == max(0, whole), size
        # between two packets or blocks nothing tells that the file goes on
        expected = size not in ends and not (form == "pcapng" and size == len(section()))
        assert bool(outcome.json["ledger"]["damages"]) == expected, (size, outcome)
        if expected and whole > 0:
            assert "cut.pcap" in outcome.json["ledger"]["damages"][0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])
def test_cut_at_random_places(pack, tmp_path):
    data = pack(capture(seconds=60))
    draw = random.Random(7)
    for size in (draw.randrange(30, len(data)) for _ in range(25)):
        outcome = cut_at(data, size, tmp_path, "--strict")
        assert outcome.code in {0, 2, 3}, outcome
        if outcome.out:
            assert outcome.code == (3 if outcome.json["ledger"]["damages"] else 0) or not outcome.json["flows"]


@pytest.mark.parametrize("command", ["learn", "detect"])
def test_what_stands_before_the_cut_is_kept(command, tmp_path, office):
    path = tmp_path / "cut.pcap"
    path.write_bytes(office.baseline.read_bytes()[:-30])
    outcome = read_by(command, path, tmp_path, office)
    assert outcome.code == 0
    assert "damaged" in outcome.err
    assert "ends in the middle of packet" in outcome.err


@pytest.mark.slow
def test_bytes_changed_at_random_never_end_in_a_traceback(tmp_path, office):
    data = capture(seconds=20)
    draw = random.Random(11)
    path = tmp_path / "noise.pcap"
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(draw.choice([1, 5, 200])):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        path.write_bytes(changed)
        assert call("flows", path, "--json").code in {0, 2}
        assert call("detect", path, "-m", office.model, "--json").code in {0, 2}


def test_times_at_both_ends_of_what_a_capture_can_hold(tmp_path, office):
    path = tmp_path / "times.pcap"
    for times in ([0, 0xFFFFFFFF], [0xFFFFFFFF, 0], [0xFFFFFFFF] * 2):
        path.write_bytes(pcap([(at, 0, PACKET) for at in times]))
        assert call("flows", path).code == 0
        assert call("detect", path, "-m", office.model).code == 0


@pytest.mark.parametrize("ticks", [1, 1_700_000_000_123_456_789, (1 << 64) - 1])
def test_times_in_nanoseconds_are_shown(ticks, tmp_path):
    path = tmp_path / "times.pcapng"
    path.write_bytes(section() + interface(resolution=9) + enhanced(PACKET, ticks))
    outcome = call("flows", path)
    assert outcome.code == 0
    assert "10.0.0.1:1000" in outcome.out


TABLE_HEAD = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,forward_packets\n"
TABLE_ROW = "2024-01-01T00:00:{:02d}Z,2024-01-01T00:00:{:02d}Z,10.0.0.1,1000,10.0.0.2,53,17,{}\n"


@pytest.mark.parametrize("number", ["NaN", "inf", "-inf", "1e999", "x"])
def test_a_number_that_is_none_in_a_csv_is_a_counted_loss(tmp_path, number):
    path = tmp_path / "flows.csv"
    path.write_text(TABLE_HEAD + TABLE_ROW.format(1, 2, 3) + TABLE_ROW.format(3, 4, number))
    outcome = call("flows", path, "--json", "--strict")
    assert outcome.code == 3
    assert outcome.json["flows"] == 1
    assert outcome.json["ledger"]["lost"] == 1


def test_a_csv_of_something_else(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("month,sum\n1,2\n")
    refused(call("flows", path), str(path), "no format known")


def test_a_table_that_is_cut(tmp_path, office):
    for ending in (".parquet", ".arrow"):
        whole, cut = tmp_path / f"whole{ending}", tmp_path / f"cut{ending}"
        assert call("flows", office.baseline, "-o", whole).code == 0
        cut.write_bytes(whole.read_bytes()[:-100])
        refused(call("flows", cut), str(cut), "cannot be read as a flow table")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"what,when\n", b"start,end,src_ip\n"])
def test_a_truth_that_is_none(content, tmp_path, office):
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    outcome = call("detect", office.incident, "-m", office.model, "--truth", path)
    refused(outcome, str(path), "expected")


TRUTH_HEAD = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what\n"


@pytest.mark.parametrize(
    "line",
    [
        "yesterday,2024-01-01,10.0.0.1,*,10.0.0.2,*,tcp,x",
        "2024-01-01,2024-01-01,10.0.0.1,http,10.0.0.2,*,tcp,x",
        "2024-01-01,2024-01-01,10.0.0.1,*,10.0.0.2,*,teatime,x",
        "2024-01-01,2024-01-01,10.0.0.1,*,10.0.0.2,*,tcp",
        "0001-01-01T00:00:00+14:00,2024-01-01,10.0.0.1,*,10.0.0.2,*,tcp,x",
    ],
)
def test_a_wrong_line_of_truth_is_named(line, tmp_path, office):
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH_HEAD + line + "\n")
    refused(call("detect", office.incident, "-m", office.model, "--truth", path), f"{path}, line 2", "expected")


def test_a_truth_without_an_end_holds_for_ever(tmp_path, office):
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH_HEAD + "0001-01-01,9999-12-31,10.0.0.66,*,10.0.0.10,*,tcp,port scan\n")
    found = call("detect", office.incident, "-m", office.model, "--truth", path, "--json").json["truth"]
    assert found["attacks"][0]["best_rank"] == 1


@pytest.mark.parametrize("command", ["explain", "extract"])
class TestNoAlerts:
    def words(self, path, tmp_path, command):
        return [command, path, "abc", *(["-w", tmp_path / "out.pcap"] if command == "extract" else [])]

    def test_a_missing_file(self, command, tmp_path):
        refused(call(*self.words(tmp_path / "none.jsonl", tmp_path, command)), "none.jsonl", "detect -o")

    def test_a_directory(self, command, tmp_path):
        refused(call(*self.words(tmp_path, tmp_path, command)), str(tmp_path), "directory", "detect -o")

    @pytest.mark.parametrize(
        "content",
        [b"\xff\xfe", b"hello\n", b"{}\n", b"[]\n", b'{"id": 3}\n', b"[" * 100_000, b"\x00" * 100],
        ids=["no text", "text", "empty object", "list", "number for an id", "deep", "zeros"],
    )
    def test_something_else(self, command, content, tmp_path):
        path = tmp_path / "alerts.jsonl"
        path.write_bytes(content)
        refused(call(*self.words(path, tmp_path, command)), str(path), "detect -o")

    def test_an_id_of_no_alert(self, command, tmp_path, office):
        more = ["-w", tmp_path / "out.pcap"] if command == "extract" else []
        refused(call(command, office.alerts, "zzz", *more), "0 alerts", "'zzz'")
        refused(call(command, office.alerts, "", *more), "''")

    def test_an_id_of_several_alerts(self, command, tmp_path, office):
        firsts = [line.split('"')[3][0] for line in office.alerts.read_text().splitlines()]
        several = next(letter for letter in firsts if firsts.count(letter) > 1)
        more = ["-w", tmp_path / "out.pcap"] if command == "extract" else []
        refused(call(command, office.alerts, several, *more), "give more of it")


def test_alerts_of_standard_input_ask_for_the_capture(tmp_path, office):
    alerts = tmp_path / "alerts.jsonl"
    given = office.incident.read_bytes()
    assert call("detect", "-", "-m", office.model, "-o", alerts, stdin=given).code == 0
    an_id = alerts.read_text().split('"')[3]
    refused(call("extract", alerts, an_id, "-w", tmp_path / "x.pcap"), "standard input", "--source")
    assert call("extract", alerts, an_id, "-w", tmp_path / "x.pcap", "--source", office.incident).code == 0


def test_demo_without_captures(tmp_path):
    refused(call("demo", "--examples", tmp_path, "--out", tmp_path / "out"), str(tmp_path), "lacks office-baseline")
