"""What each step costs one core, as it was measured: the figures that all simulations are driven by."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from oddflow.bench.simulation.measurements import number, read_measurements
from oddflow.errors import InputError

MEASURED = Path(__file__).with_name("measured.json")
"""What `oddflow bench costs` found where the tables of docs/scale.md were made."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one core that is busy while the others are quiet, and bytes.

    Attributes:
        packet_s: To decode and meter a packet, without its bytes and its flow.
        byte_s: To read a captured byte and look at it.
        flow_s: To begin a flow, end it and make its row of all columns.
        ring_packet_s: What a packet of an interface costs more than one of a file: the ring, and waiting for it.
        kernel_packet_s: What the kernel does for a packet until it is in the ring.
        write_flow_s: To write a row into a flow table.
        ship_flow_s: To put a row into a message of the stream, compressed.
        ship_flow_bytes: Its bytes there.
        take_flow_s: To read it from a message.
        score_flow_s: To put it in order, give it its context, score it, and look for groups.
        store_flow_s: To write it into the store of flows.
        store_flow_bytes: Its bytes there.
        busy_speed: The speed of a core while all others are busy, over its speed while they are quiet.
        machine: Where this was measured.
        taken_on: What each was taken on, in words, by its name.
    """

    packet_s: float
    byte_s: float
    flow_s: float
    ring_packet_s: float
    kernel_packet_s: float
    write_flow_s: float
    ship_flow_s: float
    ship_flow_bytes: float
    take_flow_s: float
    score_flow_s: float
    store_flow_s: float
    store_flow_bytes: float
    busy_speed: float
    machine: dict[str, Any] = field(default_factory=dict)
    taken_on: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | str | None = None) -> Self:
        """From the JSON that `oddflow bench costs` writes; those that ship with Oddflow unless another is named.

        Raises:
            InputError: The file cannot be read, or lacks a figure, or one is none.
        """
        place = MEASURED if path is None else Path(path)
        found, costs = read_measurements(place, "costs", "oddflow bench costs")
        figures = {name: number(place, costs, name) for name in NAMES}
        if not 0 < figures["busy_speed"] <= 1:
            raise InputError(f"{place}: busy_speed is {figures['busy_speed']}; expected more than 0 and at most 1")
        machine, taken_on = (found.get(name) for name in ("machine", "taken_on"))
        return cls(
            **figures,
            machine=machine if isinstance(machine, dict) else {},
            taken_on=taken_on if isinstance(taken_on, dict) else {},
        )

    def figures(self) -> dict[str, float]:
        """The measured numbers by name."""
        return {name: getattr(self, name) for name in NAMES}

    def as_dict(self) -> dict[str, Any]:
        """For JSON, as `read` takes it."""
        told = asdict(self)
        return {
            "bench": "costs",
            "machine": told["machine"],
            "costs": self.figures(),
            "taken_on": told["taken_on"],
        }


NAMES = tuple(one.name for one in fields(Costs) if one.name not in {"machine", "taken_on"})
