"""What is measured of groups of flows, as data: from how many on, and what it means."""

from dataclasses import dataclass
from enum import IntEnum

from oddflow.verdicts.collective import _groups_kernels as kernels

WIDTHS_S = (60, 600, 3_600)
"""Widths of the windows; they follow each other without overlap."""


class Measure(IntEnum):
    """What is counted, of whom."""

    PORTS = kernels.PORTS
    HOSTS = kernels.HOSTS
    FLOOD = kernels.FLOOD
    UNANSWERED = kernels.UNANSWERED
    REPEATS = kernels.REPEATS
    SENT = kernels.SENT
    BEACON = kernels.BEACON


@dataclass(frozen=True, slots=True)
class Meaning:
    """One measure.

    Attributes:
        name: In alerts and docs.
        unit: Of its values.
        least: Fewer are never told of, for each width: what one person or program does by accident.
        words: The sentence; {value}, {window}, {src}, {dst} and {service} are filled in.
    """

    name: str
    unit: str
    least: tuple[float, float, float]
    words: str


MEANINGS: dict[Measure, Meaning] = {
    Measure.PORTS: Meaning(
        "vertical_scan", "ports", (10, 12, 15), "{value} different services of one host tried in {window}, none used"
    ),
    Measure.HOSTS: Meaning(
        "horizontal_scan", "hosts", (10, 12, 15), "{value} hosts tried for {service} in {window}, none used"
    ),
    Measure.FLOOD: Meaning("flood", "flows", (200, 600, 2_000), "{value} flows to one {service} in {window}"),
    Measure.UNANSWERED: Meaning(
        "unanswered_flood", "flows", (40, 100, 300), "{value} unanswered flows to one {service} in {window}"
    ),
    Measure.REPEATS: Meaning(
        "repeats", "flows", (20, 30, 40), "{value} short exchanges of one host with one {service} in {window}"
    ),
    Measure.SENT: Meaning(
        "upload", "bytes", (5e6, 5e6, 5e6), "{value} sent by one host to one other in {window}"
    ),
    Measure.BEACON: Meaning(
        "beacon", "beats", (0, 0, 0), "{value} contacts with one {service}, every {period}, give or take {jitter}"
    ),
}  # fmt: skip

COUNTED = tuple(measure for measure in Measure if measure is not Measure.BEACON)
MOST_IRREGULAR = 0.15
"""Of a beacon: ±20 % of jitter is 0.10, chance alone 0.4."""
FEWEST_GAPS = 12
KNOWN_IRREGULAR = 0.3
"""Pairs of the baseline that are as regular as this are known to repeat."""
FEWEST_KNOWN_GAPS = 5
