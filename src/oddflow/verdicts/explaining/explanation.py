"""All that a model can say of one of its alerts."""

from dataclasses import asdict, dataclass
from typing import Any

from oddflow.verdicts.alert import Alert
from oddflow.verdicts.explaining.counterfactual import Counterfactual


@dataclass(frozen=True, slots=True)
class Because:
    """One part of the flow that made the score.

    Attributes:
        part: Its name: a feature without its window, "packet 3", "bytes 16 to 31".
        feature: The column of it that says most.
        value: What the flow has there.
        normal_low, normal_high: What 1 in 1,000 normal flows stay under, and the greatest among them.
        share: Its share of the score, 0 to 1.
        score_without: The score with this part, and those before it, put back to normal.
        text: In a sentence.
        also: What else of it is out of the normal range, in words: features that go together are one part.
    """

    part: str
    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: float
    score_without: float
    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """A normal flow of the baseline: how far it is, its score, and where the two differ most, in words."""

    distance: float
    score: float
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PacketShare:
    """One packet of a sequence: its number from 1, its length (below 0: received), the gap before it, its share."""

    number: int
    length_bytes: int
    gap_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is odd in a flow, what is near it, and what would make it normal.

    Attributes:
        alert: What is explained.
        detector, model: Whose verdict it is, and the model's fingerprint.
        score, threshold: Of the flow, and from which on it is an alert.
        method: How shares were told, in words.
        because: Parts in the order in which putting them back helps most.
        counterfactual: What would make it normal.
        nearest: Normal flows near it.
        packets: Of models of sequences: each packet's share.
        heat: Of models of pictures: how much each byte's neighbourhood raises the score, 0 to 1; else empty.
        heat_method: How heat was told, in words.
        remarks: What a person should know.
    """

    alert: Alert
    detector: str
    model: str
    score: float
    threshold: float
    method: str
    because: tuple[Because, ...]
    counterfactual: Counterfactual
    nearest: tuple[Near, ...]
    packets: tuple[PacketShare, ...] = ()
    heat: tuple[float, ...] = ()
    heat_method: str = ""
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the alert's record, and the rest under `explanation`."""
        told = {name: getattr(self, name) for name in ("detector", "model", "score", "threshold", "method")}
        told["because"] = [asdict(one) for one in self.because]
        told["counterfactual"] = asdict(self.counterfactual) | {"text": self.counterfactual.text}
        told["nearest"] = [asdict(one) for one in self.nearest]
        told["packets"] = [asdict(one) for one in self.packets]
        told["heat"] = [round(value, 3) for value in self.heat]
        told["heat_method"] = self.heat_method
        told["remarks"] = list(self.remarks)
        return self.alert.as_dict() | {"explanation": told}
