"""Names of the registry as pages show them: which version judges where, what waits, what comparisons found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from oddflow.models.registry.journal import Event, What
from oddflow.models.registry.named import Named, Version, reference
from oddflow.models.registry.registry import KEEP
from oddflow.reports.svg import chart, element, percent
from oddflow.reports.words import UNKNOWN, share
from oddflow.server.settings.settings import Settings
from oddflow.server.status import Status

_VERBS = {
    What.ADD: "added",
    What.PROMOTE: "promoted",
    What.ROLLBACK: "rolled back to",
    What.REMOVE: "removed",
    What.SHADOW: "compared",
}


@dataclass(frozen=True, slots=True)
class Use:
    """A source that asks for a model.

    Attributes:
        source: Its name.
        asked: What its settings name: "office" or "office@3", or a file.
        judging: What judges now, as the source tells it; empty where it tells nothing.
    """

    source: str
    asked: str
    judging: str


def uses(settings: Settings, status: Status) -> list[Use]:
    """What each source asks for, and what judges it."""
    telling = {source.name: source.model for source in status.sources}
    return [Use(one.name, one.model, telling.get(one.name, "")) for one in settings.sources if one.model]


def uses_of(name: str, found: Sequence[Use]) -> list[Use]:
    """Those of a name of the registry."""
    return [use for use in found if (asked := reference(use.asked)) is not None and asked[0] == name]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A comparison of two versions on the same traffic, as the journal has it.

    Attributes:
        at_ns: When.
        candidate, active: What they are called; a model that was removed by its hash.
        verdict: What it speaks for, in words.
        speaks_for: "found" where it speaks for the candidate, "missed" against it, "warned" where one must look.
        flows: How many both judged.
        both, only_active, only_candidate: Alerts.
        false: False alarms of both, where the truth was known.
        reason: Why it was made.
    """

    at_ns: int
    candidate: str
    active: str
    verdict: str
    speaks_for: str
    flows: int
    both: int
    only_active: int
    only_candidate: int
    false: tuple[int, int] | None
    reason: str

    @classmethod
    def of(cls, event: Event, named: Named) -> "Shadow":
        """From the event that wrote it down."""
        found = event.found
        both = _whole(found.get("both"))
        first, second = _pair(found.get("alerts")) or (both, both)
        verdict = str(found.get("recommendation", ""))[:80]
        against = next((one for one in named.versions.values() if one.sha256 == event.against), None)
        return cls(
            at_ns=nanoseconds(event.at),
            candidate=f"{event.name}@{event.version}",
            active=f"{event.name}@{against.number}" if against else f"a model that was removed ({event.against[:12]})",
            verdict=verdict or UNKNOWN,
            speaks_for="missed" if found.get(KEEP) else "found" if verdict.startswith("promote") else "warned",
            flows=_whole(found.get("flows")),
            both=both,
            only_active=max(0, first - both),
            only_candidate=max(0, second - both),
            false=_pair(found.get("false")),
            reason=event.reason,
        )

    @property
    def agreement(self) -> str:
        """Of the alerts of either, the share that both raised."""
        return share(self.both, self.both + self.only_active + self.only_candidate)

    @property
    def bar(self) -> Markup:
        """Alerts of the active one alone, of both and of the candidate alone; empty where there are none."""
        counts = (self.only_active, self.both, self.only_candidate)
        total = sum(counts)
        if not total:
            return Markup("")
        parts, at = [], 0.0
        names = ("only the active model", "both", "only the candidate")
        for style, name, number in zip(("old", "both", "new"), names, counts, strict=True):
            if number:
                words = f"{name}\n{number:,} of {total:,} alerts"
                parts.append(
                    element(
                        "rect", element("title", words), class_=f"hit part {style}", x=percent(at),
                        width=percent(number / total), y=0, height=18,
                    )
                )  # fmt: skip
            at += number / total
        told = f"{counts[0]:,} of the active model alone, {counts[1]:,} of both, {counts[2]:,} of the candidate alone"
        return chart(*parts, height=18, kind="shares", label=f"Alerts: {told}")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a name."""

    at_ns: int
    by: str
    did: str
    version: str
    forced: bool
    found: str
    reason: str


def history(named: Named) -> list[Step]:
    """All that happened, the newest first."""
    return [
        Step(
            nanoseconds(event.at), event.by, _VERBS[event.what], f"{event.name}@{event.version}", event.forced,
            str(event.found.get("recommendation", ""))[:80],
            event.reason,
        )
        for event in reversed(named.events)
    ]  # fmt: skip


def shadows(named: Named) -> list[Shadow]:
    """All comparisons of versions that are there, the newest first."""
    found = [Shadow.of(event, named) for version in named.versions.values() for event in version.shadows]
    return sorted(found, key=lambda one: one.at_ns, reverse=True)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that could be made the active one.

    Attributes:
        version: It.
        compared: What its last comparison with the active one found; None where there was none.
        must_force: The registry makes it active only where one insists: it was never compared, or came off worse.
        why: That, in words.
    """

    version: Version
    compared: Shadow | None
    must_force: bool
    why: str


def candidates(named: Named) -> list[Candidate]:
    """All versions but the active one, the newest first."""
    found = []
    for version in sorted(named.versions.values(), key=lambda one: one.number, reverse=True):
        if version is named.active:
            continue
        event = version.comparison_with(named.active.sha256) if named.active else None
        compared = Shadow.of(event, named) if event else None
        if named.active is None or (compared and compared.speaks_for != "missed"):
            why = ""
        elif compared:
            why = f"It came off worse than {named.name}@{named.active.number} when both saw the same traffic."
        else:
            why = f"It was never seen beside {named.name}@{named.active.number} on the same traffic."
        found.append(Candidate(version, compared, bool(why), why))
    return found


def nanoseconds(at: str) -> int:
    """A time of the journal, ISO 8601, in ns since 1970; 0 where it is none.

    >>> nanoseconds("2023-11-14T22:13:20Z"), nanoseconds("yesterday")
    (1700000000000000000, 0)
    """
    try:
        return round(datetime.fromisoformat(at).timestamp()) * 1_000_000_000
    except ValueError:
        return 0


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _pair(value: object) -> tuple[int, int] | None:
    if isinstance(value, list) and len(value) == 2:
        return _whole(value[0]), _whole(value[1])
    return None
