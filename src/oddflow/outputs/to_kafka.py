"""Kafka, by librdkafka (the extra `kafka`)."""

from collections.abc import Iterable, Sequence
from typing import Any

from oddflow.errors import UsageError
from oddflow.outputs.address import Address
from oddflow.outputs.message import Message
from oddflow.outputs.transport import TIMEOUT_S, NotDelivered

SECURITY = ("plaintext", "ssl", "sasl_ssl")


class Kafka:
    """Produces to a topic, the id as the key; a batch is delivered when all replicas in sync have acknowledged it."""

    def __init__(self, address: Address, **more: Any) -> None:
        self.most = 500
        self.interval_s = 0.0
        self._topic = address.path
        security = address.options.get("security", "plaintext")
        if security not in SECURITY:
            raise UsageError(f"{address.name}: security is {security!r}; expected {', '.join(SECURITY)}")
        self._settings: dict[str, Any] = {
            "bootstrap.servers": address.host,
            "client.id": "oddflow",
            "security.protocol": security,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(TIMEOUT_S * 1_000),
            "socket.timeout.ms": int(TIMEOUT_S * 1_000),
            "log_level": 0,
        } | more
        if "ca" in address.options:
            self._settings["ssl.ca.location"] = address.options["ca"]
        if security == "sasl_ssl":
            self._settings |= {
                "sasl.mechanism": address.options.get("mechanism", "SCRAM-SHA-512"),
                "sasl.username": address.user,
                "sasl.password": address.secret("password"),
            }
        elif address.options.keys() & {"password", "mechanism"} or address.user:
            raise UsageError(f"{address.name}: a password goes with security=sasl_ssl")
        self._producing = Producing(library_for(address.name), self._settings, address.name)

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport."""
        self._producing.produce(
            {
                "topic": self._topic, "value": message.body, "key": message.id.encode(),
                "headers": {"oddflow-key": message.key.encode()},
            }
            for message in messages
        )  # fmt: skip

    def close(self) -> None:
        """As Transport."""
        self._producing.close()


class Producing:
    """A producer that hands on records until brokers have acknowledged them all, or tells that they did not.

    Args:
        library: confluent_kafka.
        settings: Of librdkafka.
        name: What messages call the receiver.

    Raises:
        UsageError: The settings cannot be.
    """

    def __init__(self, library: Any, settings: dict[str, Any], name: str) -> None:
        self._library = library
        self._settings = settings
        self._name = name
        self._producer: Any = self._new_producer()

    def produce(self, records: Iterable[dict[str, Any]]) -> None:
        """Produces records, each what Producer.produce takes, in their order.

        Raises:
            NotDelivered: Not all were acknowledged.
        """
        failed: list[str] = []
        produced = acknowledged = 0

        def told(error: Any, _: Any) -> None:
            nonlocal acknowledged
            acknowledged += 1
            if error is not None:
                failed.append(str(error))

        try:
            for record in records:
                self._producer.produce(**record, on_delivery=told)
                produced += 1
            self._producer.flush(TIMEOUT_S + 2)
        except (self._library.KafkaException, BufferError) as error:
            failed.append(str(error))
        if failed or acknowledged < produced:
            self.close()
            self._producer = self._new_producer()  # one that was purged in flight keeps no order, and says so for ever
            raise NotDelivered(failed[0] if failed else "the brokers do not answer")

    def close(self) -> None:
        """Ends; what is not acknowledged is forgotten."""
        self._producer.purge()
        self._producer.flush(1)

    def _new_producer(self) -> Any:
        try:
            return self._library.Producer(self._settings)
        except (self._library.KafkaException, ValueError) as error:
            raise UsageError(f"{self._name}: librdkafka refuses: {error}") from None


def library_for(name: str) -> Any:
    """The library; raises UsageError, with what it is for, where it is not installed."""
    try:
        import confluent_kafka  # noqa: PLC0415  (an extra)
    except ImportError:
        raise UsageError(f"{name} needs confluent-kafka; install it: pip install 'oddflow[kafka]'") from None
    return confluent_kafka
