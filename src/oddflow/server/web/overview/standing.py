"""How things stand, in one sentence."""

from dataclasses import dataclass
from enum import StrEnum

from oddflow.amounts import count
from oddflow.server.status import State, Status

GRAVEST_FIRST = ("critical", "high", "medium", "low")


class Mood(StrEnum):
    """How loudly it is said."""

    GOOD = "good"
    WATCH = "watch"
    ALARM = "alarm"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Standing:
    """The sentence, and what stands below it.

    Attributes:
        mood: How loudly it is said.
        words: The sentence.
        more: A second one; may be empty.
    """

    mood: Mood
    words: str
    more: str = ""

    @classmethod
    def of(cls, status: Status, troubles: int, active: dict[str, int], judged: int) -> "Standing":
        """From what is known now.

        Args:
            status: Of the service.
            troubles: How many things are wrong with it.
            active: Incidents that nobody has closed, by severity.
            judged: Flows that were scored in the last hour.

        >>> watched = Status.model_validate({"sources": [{"name": "office", "state": "running", "model": "office@3"}]})
        >>> Standing.of(watched, 0, {}, 1_200).words
        'All is quiet.'
        """
        if not status.sources:
            return cls(Mood.UNSET, "Nothing is watched yet.", "Name a source, and a model that judges it.")
        total = sum(active.values())
        seen = f"{count(judged, 'flow')} judged in the last hour" if judged else "No flow was judged in the last hour"
        if total:
            gravest = next((word for word in GRAVEST_FIRST if active.get(word)), "low")
            mood = Mood.ALARM if gravest in {"critical", "high"} else Mood.WATCH
            verb = "waits" if total == 1 else "wait"
            told = f"{count(total, 'incident')} {verb} for you; the gravest is {gravest}."
            if total == 1:
                told = f"1 incident waits for you; it is {gravest}."
            return cls(mood, told, f"{seen}.")
        if troubles:
            words = "Something is wrong" if troubles == 1 else f"{troubles} things are wrong"
            return cls(Mood.WATCH, f"{words} with the service itself.", f"No incident is open. {seen}.")
        if all(source.state is State.STARTING for source in status.sources):
            return cls(Mood.UNSET, "The service is starting.", "Sources are being opened.")
        if not any(source.model for source in status.sources):
            return cls(Mood.UNSET, "Flows are kept, and nothing judges them yet.", "Name a model for a source.")
        if not judged and not any(source.judged for source in status.sources):
            where = "a mirror port or tap for an interface, an exporter's target, a folder's captures"
            return cls(Mood.UNSET, "No flow came yet.", f"Does traffic reach the sources? Look at {where}.")
        return cls(Mood.GOOD, "All is quiet.", f"No incident is open. {seen}.")
