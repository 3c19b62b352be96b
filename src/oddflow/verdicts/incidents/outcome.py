"""Incidents against the ground truth: which one found which attack, and how many are false, split or merged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from oddflow.verdicts.incidents.incident import Incident


@dataclass(frozen=True, slots=True)
class IncidentOutcome:
    """How well incidents and attacks fit together.

    Attributes:
        of_attack: The incidents that hold alerts of each attack, the one with the most first.
        false: Incidents that hold no alert of any attack.
        split: Attacks whose alerts lie in more than one incident.
        merged: Incidents that hold alerts of more than one attack.
    """

    of_attack: dict[str, tuple[str, ...]]
    false: int
    split: int
    merged: int

    @classmethod
    def of(cls, incidents: Sequence[Incident], attacks: Iterable[str]) -> "IncidentOutcome":
        """Counts them; `attacks` are all that the truth knows, found or not."""
        held = {
            name: sorted(
                ((dict(incident.truths).get(name, 0), incident.id) for incident in incidents),
                key=lambda one: -one[0],
            )
            for name in attacks
        }
        of_attack = {name: tuple(an_id for alerts, an_id in each if alerts) for name, each in held.items()}
        attacks_in = [sum(1 for name, alerts in incident.truths if name and alerts) for incident in incidents]
        return cls(
            of_attack=of_attack,
            false=attacks_in.count(0),
            split=sum(len(each) > 1 for each in of_attack.values()),
            merged=sum(count > 1 for count in attacks_in),
        )

    def as_dict(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "of_attack": {name: list(each) for name, each in self.of_attack.items()},
            "false": self.false,
            "split": self.split,
            "merged": self.merged,
        }
