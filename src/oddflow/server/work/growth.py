"""Which incidents the store must be told of: those that are new, and those that grew, now and then."""

import time
from collections.abc import Iterable

from oddflow.verdicts.incidents.incident import Incident

INCIDENT_S = 1.0
"""An incident that grows is told of so often at most."""

_Is = tuple[int, int, int, str]


class Growth:
    """Remembers what was told of each incident."""

    def __init__(self) -> None:
        self._told: dict[str, _Is] = {}
        self._due: dict[str, float] = {}

    @property
    def waits(self) -> bool:
        """Whether any may have grown since it was told of."""
        return bool(self._due)

    def of(self, incidents: Iterable[Incident], *, last: bool = False) -> list[Incident]:
        """Of those that are open, whom to tell of now; all that grew where this is the `last` time."""
        now, told, grown = time.monotonic(), self._told, []
        self._told = {}
        for incident in incidents:
            is_now = _as_it_is(incident)
            before = told.get(incident.id)
            if before == is_now:
                self._told[incident.id] = is_now
            elif before is None or last or now >= self._due.get(incident.id, 0.0):
                grown.append(incident)
                self._told[incident.id] = is_now
                self._due[incident.id] = now + INCIDENT_S
            else:
                self._told[incident.id] = before
        self._due = {one: due for one, due in self._due.items() if due > now or one not in self._told}
        self._due = {one: due for one, due in self._due.items() if one in self._told}
        return grown

    def know(self, incidents: Iterable[Incident]) -> None:
        """Takes these for told, as they are."""
        self._told = {one.id: _as_it_is(one) for one in incidents}


def _as_it_is(incident: Incident) -> _Is:
    return incident.alerts, incident.last_ns, incident.stage_count, incident.severity.value
