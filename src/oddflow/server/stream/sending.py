"""Brings flows that wait on the disk to the stream."""

from collections.abc import Sequence

from oddflow.outputs.message import Message
from oddflow.outputs.to_kafka import Producing
from oddflow.server.settings.settings import StreamSection
from oddflow.server.stream import brokers
from oddflow.server.stream.record import HEADER


class StreamTransport:
    """A transport of records, each to the partition that it names.

    Records that were sent and not acknowledged are sent again: who reads them knows them by their numbers.

    Args:
        stream: Where the brokers are.
        topic: Where to.

    Raises:
        UsageError: The settings cannot be, or the library is not installed.
    """

    most = 256
    interval_s = 0.0

    def __init__(self, stream: StreamSection, topic: str) -> None:
        self._topic = topic
        self._producing = Producing(brokers.library(), brokers.producer_settings(stream), "[stream]")

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport."""
        self._producing.produce(
            {
                "topic": self._topic, "value": message.body, "partition": int(message.facts["partition"]),
                "headers": {HEADER: message.facts["head"].encode()},
            }
            for message in messages
        )  # fmt: skip

    def close(self) -> None:
        """As Transport."""
        self._producing.close()
