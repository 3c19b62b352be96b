"""Alerts in, incidents out, as they come and in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field

from oddflow.amounts import count
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.joining import Joining
from oddflow.verdicts.incidents.nature import Nature, nature_of
from oddflow.verdicts.incidents.strand import Key, Strand, key_of
from oddflow.verdicts.incidents.telling import told

QUIET_S = 3_600.0
MOST_STRANDS = 2_048
MOST_CLOSED = 1_000
SIDES = 16
"""From so many strands of a source at different hosts or services on, the next ones are summed up in one."""

ROOM = 0.75


@dataclass(slots=True)
class Incidents:
    """Joins alerts into incidents.

    An incident that nothing was added to for `quiet_s` is over: what comes later begins another, but for late alerts,
    which join by their own times. Which strands belong together is asked anew whenever incidents are told, so the
    answer is one of the alerts and not of the batches in which they came. Only incidents that have changed since are
    told anew: what an alert costs does not grow with how many came before it.

    Attributes:
        threshold: The score from which on a flow is an alert.
        quiet_s: After so long without an alert an incident is over, and alerts further apart are not joined.
        most_strands: So many strands may be open; beyond, the incidents that were quiet longest are closed early.
        most_closed: So many closed incidents are kept, those of the most points.
        closed_early: How many incidents were closed for lack of room.
        not_kept: How many closed incidents are counted only.
    """

    threshold: float
    quiet_s: float = QUIET_S
    most_strands: int = MOST_STRANDS
    most_closed: int = MOST_CLOSED
    closed_early: int = 0
    not_kept: int = 0
    _open: dict[Key, Strand] = field(default_factory=dict)
    _ended: list[Strand] = field(default_factory=list)
    _fan: Counter[tuple[object, ...]] = field(default_factory=Counter)
    _closed: list[Incident] = field(default_factory=list)
    _of: dict[int, str] = field(default_factory=dict)
    _told: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    _fresh: list[Incident] | None = None
    _natures: dict[int, Nature] = field(default_factory=dict)
    _natures_of: dict[int, int] = field(default_factory=dict)
    _made: dict[int, tuple[tuple[tuple[int, int], ...], Incident]] = field(default_factory=dict)
    _joining: Joining = field(default_factory=Joining)
    _numbers: int = 0
    _latest_ns: int = 0
    _swept_ns: int = 0

    def add(self, alert: Alert) -> int:
        """One more alert; gives the number of its strand, which `id_of` knows."""
        if self._latest_ns and alert.end_ns - self._swept_ns > 2 * self._quiet_ns:
            self._sweep()
        self._latest_ns = max(self._latest_ns, alert.end_ns)
        self._swept_ns = self._swept_ns or self._latest_ns
        self._fresh = None
        strand = self._strand(alert)
        strand.add(alert)
        if len(self._open) + len(self._ended) > self.most_strands:
            self._make_room()
        return strand.number

    def id_of(self, number: int) -> str:
        """The incident of a strand as of when incidents were last told; empty where that was not kept."""
        return self._of.get(number, "")

    def incidents(self) -> list[Incident]:
        """All that are kept, the gravest first."""
        return sorted([*self._closed, *self.open()], key=_gravest_first)

    def open(self) -> list[Incident]:
        """Those that alerts may still join, in the order in which they began."""
        if self._fresh is None:
            before, self._made = self._made, {}
            for strands in self._groups():
                first, is_now = strands[0].number, tuple((strand.number, strand.alerts) for strand in strands)
                made = before.get(first)
                if made is None or made[0] != is_now:
                    made = is_now, told(strands, self.threshold)
                    self._of.update((strand.number, made[1].id) for strand in strands)
                self._made[first] = made
            self._fresh = [incident for _, incident in self._made.values()]
        return list(self._fresh)

    def news(self, *, last: bool = False) -> list[tuple[Incident, bool]]:
        """What a person should hear since this was last asked, in the order in which incidents began.

        Each with whether it is new. One that is not is told again where it has a stage more, another severity or twice
        the alerts; and where this is the `last` time, where it has any more.
        """
        told_now: dict[str, tuple[int, int, str]] = {}
        news = []
        for incident in self.open():
            now = incident.alerts, incident.stage_count, incident.severity.value
            before = self._told.get(incident.id)
            worth = before is None or now[0] >= 2 * before[0] or now[1] > before[1] or now[2] != before[2]
            if worth or (last and before is not None and now[0] > before[0]):
                news.append((incident, before is None))
                before = now
            told_now[incident.id] = before or now
        self._told = told_now
        return news

    def remarks(self) -> list[str]:
        """What was not done as it should be, in words."""
        said = []
        if self.closed_early:
            said.append(
                f"{count(self.closed_early, 'incident')} ended early: more than {self.most_strands:,} groups of alike "
                "alerts were open at once, so what belongs together may be told apart"
            )
        if self.not_kept:
            said.append(f"{count(self.not_kept, 'more incident')}, of lower severity, are counted and not listed")
        return said

    @property
    def _quiet_ns(self) -> int:
        return round(self.quiet_s * 1e9)

    def _strand(self, alert: Alert) -> Strand:
        exact = key_of(alert)
        for key in (exact, *self._wider(exact)):
            if (strand := self._open.get(key)) is not None:
                if strand.gap_ns(alert.start_ns, alert.end_ns) <= self._quiet_ns:
                    return strand
                self._ended.append(self._open.pop(key))
        key = next(iter(self._wider(exact)), exact)
        self._numbers += 1
        strand = self._open[key] = Strand.opened_by(alert, key, self._numbers)
        for fan in _fans(exact):
            self._fan[fan] += 1
        return strand

    def _wider(self, key: Key) -> list[Key]:
        """The strands of many that a new one would be part of, where a host has so many already."""
        source, target, protocol, service = key
        fans = dict(
            zip(
                _fans(key),
                (
                    (source, None, protocol, service),
                    (source, target, protocol, None),
                    (None, target, protocol, service),
                ),
                strict=True,
            )
        )
        return [wide for fan, wide in fans.items() if self._fan[fan] >= SIDES]

    def _groups(self) -> list[list[Strand]]:
        kept = [*self._open.values(), *self._ended]
        strands = {strand.number: strand for strand in sorted(kept, key=lambda strand: strand.number)}
        for number, strand in strands.items():
            if self._natures_of.get(number) != strand.alerts:
                self._natures_of[number], self._natures[number] = strand.alerts, nature_of(strand)
        found = self._joining.groups(strands, self._natures, self._quiet_ns)
        return [[strands[number] for number in numbers] for numbers in found]

    def _sweep(self) -> None:
        """Closes what has been quiet for twice the time: an alert that ends now may have begun long ago."""
        self._swept_ns = self._latest_ns
        self._close(
            [one for one in self._groups() if self._latest_ns - max(s.last_ns for s in one) > 2 * self._quiet_ns]
        )

    def _make_room(self) -> None:
        quietest = sorted(self._groups(), key=lambda one: max(strand.last_ns for strand in one))
        left, leaving = len(self._open) + len(self._ended), []
        for strands in quietest:
            if left <= ROOM * self.most_strands:
                break
            leaving.append(strands)
            left -= len(strands)
        self.closed_early += len(leaving)
        self._close(leaving)

    def _close(self, leaving: list[list[Strand]]) -> None:
        self._joining = Joining()
        gone = {strand.number for strands in leaving for strand in strands}
        self._natures, self._natures_of = {}, {}
        for strands in leaving:
            incident = told(strands, self.threshold)
            self._of.update((strand.number, incident.id) for strand in strands)
            self._closed.append(incident)
        self._open = {key: strand for key, strand in self._open.items() if strand.number not in gone}
        self._ended = [strand for strand in self._ended if strand.number not in gone]
        self._fan = Counter(fan for key in self._open for fan in _fans(key))
        if len(self._closed) > self.most_closed:
            self._closed.sort(key=_gravest_first)
            dropped = {incident.id for incident in self._closed[self.most_closed :]}
            self.not_kept += len(self._closed) - self.most_closed
            del self._closed[self.most_closed :]
            self._of = {number: name for number, name in self._of.items() if name not in dropped}


def _fans(key: Key) -> tuple[tuple[object, ...], ...]:
    """What a strand is one of many of: hosts of a source, services of a pair, sources of a service."""
    source, target, protocol, service = key
    return (
        ("targets", source, protocol, service),
        ("services", source, target, protocol),
        ("sources", target, protocol, service),
    )


def _gravest_first(incident: Incident) -> tuple[int, float, int, str]:
    return -incident.points, -incident.score, incident.first_ns, incident.id
