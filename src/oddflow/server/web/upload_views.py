"""Captures that people sent, as pages show them: a verdict in a sentence, where its packets went."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from pydantic import ValidationError

from oddflow.reports.words import count
from oddflow.server.store.uploads import Upload
from oddflow.server.uploads.result import UploadResult
from oddflow.server.web.drawing.balance import Part, balance_bar

CHIPS = {"waiting": "", "running": "warn", "done": "good", "failed": "bad"}
STATES = {"waiting": "waits", "running": "is being judged", "done": "judged", "failed": "no verdict"}


@dataclass(frozen=True, slots=True)
class UploadRow:
    """A capture that was sent, with its verdict once there is one."""

    stored: Upload
    result: UploadResult | None

    @classmethod
    def of(cls, stored: Upload) -> "UploadRow":
        """From the store; what does not fit is no verdict."""
        try:
            result = UploadResult.model_validate(stored.result) if stored.result else None
        except ValidationError:
            result = None
        return cls(stored, result)

    @property
    def at_ns(self) -> int:
        """When it was sent."""
        return round(self.stored.at_s * 1_000) * 1_000_000

    @property
    def is_open(self) -> bool:
        """Whether there is more to come."""
        return self.stored.state in {"waiting", "running"}

    @property
    def sentence(self) -> str:
        """The verdict, or how it is."""
        if self.result is None:
            return self.stored.problem if self.stored.state == "failed" else f"It {STATES[self.stored.state]}."
        return sentence(self.result)

    @property
    def style(self) -> str:
        """How its verdict is coloured."""
        return "bad" if self.result is not None and self.result.alerts else ""


def sentence(result: UploadResult) -> str:
    """A verdict in a sentence.

    Args:
        result: What was found.
    """
    flows = count(result.flows, "flow")
    if not result.flows:
        return f"No flow was in it: of {result.packets:,} {result.unit} none could be metered."
    if not result.alerts:
        return f"Nothing odd: all {flows} fit what is normal."
    told = f"{count(result.alerts, 'alert')} among {flows}"
    if not result.incidents:
        return f"{told}; they do not belong together."
    gravest = result.top_incidents[0] if result.top_incidents else None
    many = f"{told}, in {count(result.incidents, 'incident')}"
    return f"{many}; the gravest is {gravest.severity.value}." if gravest else f"{many}."


def balance(result: UploadResult) -> Markup:
    """What came in as one bar: metered, and lost by reason."""
    lost = sorted(result.losses.items(), key=lambda one: -one[1])
    parts = [Part("metered into flows", result.metered), *(Part(f"lost: {why}", many, "lost") for why, many in lost)]
    return balance_bar(parts, result.unit)


def rows(stored: Sequence[Upload]) -> list[UploadRow]:
    """Captures in their order."""
    return [UploadRow.of(one) for one in stored]
