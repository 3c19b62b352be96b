"""What the doctor says of a stream."""

from pathlib import Path

import pytest

from oddflow.server.doctor import stream as doctor
from oddflow.server.doctor.findings import Findings
from oddflow.server.settings.settings import Settings, SourceSection, StreamSection

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture(scope="module")
def broker():
    """The address of a broker; it makes each topic that is asked for, with four partitions."""
    owner = confluent_kafka.Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    (found,) = owner.list_topics(timeout=10).brokers.values()
    owner.produce("flows", b"")
    owner.flush(10)
    yield f"{found.host}:{found.port}"
    owner.flush(1)


def examined(broker: str, partitions: int, checkpoints: Path | None, source: dict[str, str]) -> list[tuple[str, str]]:
    """What is found, each with how bad it is."""
    findings = Findings()
    settings = Settings(
        stream=StreamSection(brokers=broker, partitions=partitions, checkpoints=checkpoints),
        sources=[SourceSection(name="site", **source)],
    )
    doctor.examine_stream(settings, None, findings)
    return [(str(one.level), one.text) for one in findings.found]


def test_a_topic_with_as_many_partitions_is_well(broker, tmp_path):
    assert examined(broker, 4, tmp_path, {"stream": "flows"}) == [
        ("ok", "topic flows is there, with 4 partitions"),
        ("ok", f"checkpoints are kept in {tmp_path}"),
    ]


def test_another_number_is_a_fault(broker):
    ((level, text),) = examined(broker, 8, None, {"interface": "eth0", "ship": "flows"})
    assert (level, text) == ("fault", "topic flows has 4 partitions, and [stream] partitions is 8")


def test_checkpoints_that_others_do_not_see_are_told_of(broker):
    found = examined(broker, 4, None, {"stream": "flows"})
    assert found[1][0] == "warning"
    assert "which other machines do not see" in found[1][1]


def test_brokers_that_are_away_are_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.2)
    ((level, text),) = examined("127.0.0.1:1", 4, None, {"interface": "eth0", "ship": "flows"})
    assert level == "fault"
    assert text.startswith("127.0.0.1:1 cannot be asked: ")


def test_nothing_is_said_where_no_source_has_one():
    findings = Findings()
    doctor.examine_stream(Settings(), None, findings)
    assert not findings.found
