import json

import pytest

from oddflow.errors import InputError, OutputError, Unreadable, UsageError
from oddflow.verdicts.record import find_alert, read_alerts, write_alerts
from tests.verdicts.make import ALERT, alert


def test_alerts_come_back_as_they_were_written_but_for_times_below_a_microsecond(tmp_path):
    path = str(tmp_path / "alerts.jsonl")
    write_alerts(path, [ALERT, alert(id="ffff")])
    first, second = read_alerts(path)
    assert first == alert(start_ns=1_700_000_000_123_456_000, end_ns=1_700_000_001_000_000_999)
    assert second.id == "ffff"
    assert first.start_ns <= ALERT.start_ns
    assert first.end_ns >= ALERT.end_ns


@pytest.mark.parametrize(
    ("chances", "words"),
    [
        ({}, ""),
        ({"p_value": 0.001}, "p-value 0.001"),
        ({"p_value": 0.001, "p_low": 0.0004}, "p-value 0.001"),
        ({"p_value": 0.001, "p_low": 0.0004, "p_high": 0.002}, "p-value 0.001, 0.0004 to 0.002 at 95 %"),
    ],
)
def test_chances_come_back_and_are_told(tmp_path, chances, words):
    path = str(tmp_path / "alerts.jsonl")
    write_alerts(path, [alert(**chances)])
    (read,) = read_alerts(path)
    assert (read.chance, read.p_value) == (words, chances.get("p_value"))


def test_alerts_of_before_have_no_chances(tmp_path):
    old = {name: value for name, value in ALERT.as_dict().items() if not name.startswith(("p_", "context_p"))}
    path = tmp_path / "alerts.jsonl"
    path.write_text(json.dumps(old) + "\n")
    assert next(read_alerts(str(path))).chance == ""


def test_an_alert_is_found_by_the_first_letters_of_its_id(tmp_path):
    path = str(tmp_path / "alerts.jsonl")
    write_alerts(path, [ALERT, alert(id="ffff")])
    assert find_alert(path, "0123").src_port == ALERT.src_port


@pytest.mark.parametrize("wanted", ["", "zz", "f"])
def test_no_alert_or_several_is_refused(tmp_path, wanted):
    path = str(tmp_path / "alerts.jsonl")
    write_alerts(path, [alert(id="ff01"), alert(id="ff02")])
    with pytest.raises(UsageError, match="alerts in"):
        find_alert(path, wanted)


@pytest.mark.parametrize(
    "line",
    ["not json", "{}", "[]", "null", '{"id": 1}', "\x00", json.dumps(ALERT.as_dict() | {"src_port": 70000}),
     json.dumps(ALERT.as_dict() | {"payload": "zz"}), json.dumps(ALERT.as_dict() | {"start": "yesterday"}),
     json.dumps(ALERT.as_dict() | {"p_value": 1.5}), json.dumps(ALERT.as_dict() | {"context_p_value": -1})],
)  # fmt: skip
def test_a_line_that_is_no_alert_is_named(tmp_path, line):
    path = tmp_path / "alerts.jsonl"
    path.write_text(json.dumps(ALERT.as_dict()) + "\n" + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        list(read_alerts(str(path)))


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(Unreadable, match="cannot be read"):
        list(read_alerts(str(tmp_path / "none")))


def test_bytes_that_are_no_text_are_unreadable(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises((Unreadable, InputError)):
        list(read_alerts(str(path)))


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def failing():
        yield ALERT
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        write_alerts(str(tmp_path / "alerts.jsonl"), failing())
    assert list(tmp_path.iterdir()) == []
