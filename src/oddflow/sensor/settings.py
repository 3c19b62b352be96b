"""What a sensor is asked to do."""

from dataclasses import dataclass, field

from oddflow.capture.ring import RingSettings
from oddflow.errors import UsageError

MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """A live capture.

    Attributes:
        interface: Its name.
        ring: Of each worker.
        filter: As pcap-filter(7) has it; nothing takes all packets.
        workers: Processes that share the packets, each flow's in one of them.
        user: Whom to run as once the interface is open; chosen unless given.
        interval_s: A line of statistics each so often; 0 for none.
        metrics: HOST:PORT for Prometheus, or nothing.
        duration_s: Stops after so long; 0 for no end.
        most_packets: Stops after so many; 0 for no end; for one worker.
    """

    interface: str
    ring: RingSettings = field(default_factory=RingSettings)
    filter: str = ""
    workers: int = 1
    user: str | None = None
    interval_s: float = 10.0
    metrics: str | None = None
    duration_s: float = 0.0
    most_packets: int = 0

    def __post_init__(self) -> None:
        """Refuses what cannot be done."""
        if not 1 <= self.workers <= MOST_WORKERS:
            raise UsageError(f"{self.workers} workers were asked for; expected 1 to {MOST_WORKERS}")
        if self.most_packets and self.workers > 1:
            raise UsageError("--count and several workers were both given; only one worker can count to it")
        for name in ("interval_s", "duration_s", "most_packets"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 0 or more")
