"""Replicas for tests: they end once they have read all, or when they are killed."""

import os
import socket
from collections.abc import Sequence

from oddflow.server.settings.settings import Settings
from oddflow.server.store.store import Store
from oddflow.server.stream.replica import Replica
from oddflow.server.work import layout
from oddflow.server.work.layout import Shared
from oddflow.server.work.seat import Seat
from oddflow.server.work.watching import feedback_file


class UntilRead(Replica):
    """Ends when it has read what there is."""

    def _tell(self, *given):
        super()._tell(*given)
        lag = self._lag()
        if not given and self._lanes and len(lag) == len(self._lanes) == len(self._wanted) and not any(lag.values()):
            self._seat.stopping = all(lane.offset > 0 for lane in self._lanes.values())


class Given(UntilRead):
    """Is given its partitions at once, and not by a group, for which brokers take seconds."""

    partitions: Sequence[int] = ()

    def _join(self):
        self._assigned(self._consumer, [self._kafka.TopicPartition(self._topic, one) for one in self.partitions])


def seat_of(settings: Settings) -> Seat:
    """A place for a replica of the only source."""
    Store.open(settings.store_url).close()
    feedback_file(settings).touch()
    line = socket.socket()
    line.close()  # nobody speaks to it
    return Seat(Shared.of(settings), "replica site", layout.judge_slot(0), 0, line)


def judge(settings: Settings, partitions: Sequence[int]) -> Replica:
    """Judges partitions until all is read."""

    class Here(Given):
        pass

    Here.partitions = partitions
    replica = Here(seat_of(settings))
    replica.run()
    return replica


def judge_alone(settings: Settings, partitions: Sequence[int]) -> None:
    """The same as the life of a process that may be killed."""
    os.setsid()
    judge(settings, partitions)
