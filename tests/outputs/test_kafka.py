"""Kafka, on the mock cluster that librdkafka brings."""

import pytest

from oddflow.errors import UsageError
from oddflow.outputs import to_kafka
from oddflow.outputs.address import Address
from oddflow.outputs.transport import NotDelivered
from tests.outputs.make import messages

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture
def brokers():
    """Addresses of three brokers that live as long as a producer of ours does."""
    owner = confluent_kafka.Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
    found = owner.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in found)
    owner.flush(1)


def test_messages_arrive_with_their_ids_as_keys(brokers):
    sender = to_kafka.Kafka(Address.parse(f"kafka://{brokers}/odd"))
    given = messages(20)
    sender.send(given)
    sender.close()
    reader = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "t", "auto.offset.reset": "earliest", "log_level": 0}
    )
    reader.subscribe(["odd"])
    found = {}
    for _ in range(200):
        for record in reader.consume(100, timeout=0.2):
            assert record.error() is None
            found[record.key().decode()] = record.value()
        if len(found) == 20:
            break
    reader.close()
    assert found == {message.id: message.body for message in given}


def test_brokers_that_are_not_there_are_asked_again_later(monkeypatch):
    monkeypatch.setattr(to_kafka, "TIMEOUT_S", 0.5)
    sender = to_kafka.Kafka(Address.parse("kafka://127.0.0.1:1/odd"))
    with pytest.raises(NotDelivered):
        sender.send(messages(3))
    sender.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [("security=none", "expected plaintext"), ("password=env:X", "security=sasl_ssl"),
     ("security=ssl&ca=/no/such/file", "librdkafka refuses")],
)  # fmt: skip
def test_wrong_options_are_named(options, why, monkeypatch):
    monkeypatch.setenv("X", "x")
    with pytest.raises(UsageError, match=why):
        to_kafka.Kafka(Address.parse(f"kafka://h/odd?{options}"))
