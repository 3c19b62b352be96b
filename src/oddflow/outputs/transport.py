"""What carries messages to a receiver."""

from collections.abc import Sequence
from typing import Protocol

from oddflow.outputs.message import Message

TIMEOUT_S = 10.0
"""For one step: to connect, to send a batch, to be answered."""


class NotDelivered(Exception):
    """The receiver could not be reached, was too slow, or said that it cannot now; it is asked again later."""


class Refused(Exception):
    """The receiver will never take this message; it is set aside."""


class Transport(Protocol):
    """One receiver.

    Attributes:
        most: Messages that are sent at once, at most.
        interval_s: Seconds from one sending to the next; 0 sends at once.
    """

    most: int
    interval_s: float

    def send(self, messages: Sequence[Message]) -> None:
        """Sends; returns when the receiver has them all.

        Raises:
            NotDelivered: Try all of them again, later.
            Refused: The only message is one that the receiver will never take.
        """

    def close(self) -> None:
        """Ends the connection, if any."""
