"""How brokers are talked to: librdkafka's settings, from ours."""

from typing import Any

from oddflow.errors import OddflowError, UsageError
from oddflow.outputs.to_kafka import library_for
from oddflow.outputs.transport import TIMEOUT_S
from oddflow.server.settings.settings import StreamSection

RECORD_BYTES = 900_000
"""Of a record's flows, at most: brokers take a megabyte unless they are told otherwise."""
FETCHED_KIB = 16_384
POLL_MS = 300_000
"""A replica that takes longer over what it was given loses its partitions."""


def library() -> Any:
    """confluent_kafka.

    Raises:
        UsageError: It is not installed.
    """
    return library_for("[stream]")


def _common(stream: StreamSection, more: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "bootstrap.servers": stream.brokers,
        "client.id": "oddflow",
        "security.protocol": stream.security,
        "log_level": 0,
    }
    for name, path in (
        ("ssl.ca.location", stream.ca),
        ("ssl.certificate.location", stream.certificate),
        ("ssl.key.location", stream.key),
    ):
        if path is not None:
            found[name] = str(path)
    if stream.security == "sasl_ssl" and stream.password is not None:
        found |= {
            "sasl.mechanism": stream.mechanism,
            "sasl.username": stream.user,
            "sasl.password": stream.password.get_secret_value(),
        }
    return found | more


def producer_settings(stream: StreamSection) -> dict[str, Any]:
    """Of a producer whose records are in a partition once and in their order, on all replicas of it in sync."""
    return _common(
        stream,
        {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "zstd",
            "linger.ms": 5,
            "message.max.bytes": 1_000_000,
            "message.timeout.ms": int(TIMEOUT_S * 1_000),
            "socket.timeout.ms": int(TIMEOUT_S * 1_000),
        },
    )


def consumer_settings(stream: StreamSection, group: str) -> dict[str, Any]:
    """Of a consumer in a group whose partitions move one by one; where it goes on, checkpoints say."""
    return _common(
        stream,
        {
            "group.id": group,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(stream.takeover_s * 1_000),
            "heartbeat.interval.ms": int(stream.takeover_s * 250),
            "max.poll.interval.ms": POLL_MS,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "queued.max.messages.kbytes": FETCHED_KIB,
            "fetch.wait.max.ms": 100,
            "topic.metadata.refresh.interval.ms": 10_000,
        },
    )


def partitions_of(stream: StreamSection, topic: str, timeout_s: float) -> int | None:
    """How many partitions a topic has; None where there is no such topic.

    Raises:
        OddflowError: No broker answers, or it refuses us.
    """
    kafka = library()
    try:
        admin = kafka.Consumer(_common(stream, {"group.id": "oddflow-look", "allow.auto.create.topics": False}))
    except (kafka.KafkaException, ValueError) as error:
        raise UsageError(f"[stream]: librdkafka refuses: {error}") from None
    try:
        found = admin.list_topics(topic, timeout=timeout_s).topics[topic]
    except kafka.KafkaException as error:
        raise OddflowError(f"{stream.brokers} cannot be asked: {error.args[0].str()}") from None
    finally:
        admin.close()
    if found.error is not None:
        if found.error.code() == kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise OddflowError(f"topic {topic} cannot be used: {found.error.str()}")
    return len(found.partitions)
