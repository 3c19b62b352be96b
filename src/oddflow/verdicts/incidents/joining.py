"""Which strands belong to one incident: links between them, each with its reason, and the groups that they make.

A link says why. Two strands are linked by

1. **pair**: the same two hosts;
2. **source**: one source does the same kind of thing to several hosts, at most two minutes apart, or scans them;
3. **relay**: the target of one passes it on, on the same service, over the same time (a resolver, a proxy);
4. **pivot**: the target of one is the source of the other, which stands later in an intrusion, and began later;
5. **crowd**: at least four sources do the same to one service, for the same leading reason, within two minutes.

Three rules keep a busy host from gluing everything together. That two strands share a target alone links nothing, save
in a crowd. A host that more than three sources have alerts at carries no pivot. And a strand of fewer than three alerts
follows its one best link and no other, so that a stray flow never joins two stories.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import chain, islice

from oddflow.verdicts.incidents.nature import Nature
from oddflow.verdicts.incidents.strand import Strand

NEAR_NS = 120_000_000_000
"""As far back as a flow's context looks."""

BRIDGING_ALERTS = 3
BUSY_SOURCES = 3
CROWD = 4
COMPARED = 64
"""A strand is compared with so many others of each kind at most, the newest."""

Service = tuple[str, int, int, str]
"""Target, protocol, port, and the leading reason of the alerts there."""
SAME_SPAN = 0.5
PROBING = 1


class Link(IntEnum):
    """Why two strands belong together, the strongest first."""

    PAIR = 1
    SOURCE = 2
    RELAY = 3
    PIVOT = 4
    CROWD = 5


class Joining:
    """Finds groups again and again while strands grow; only links near those that changed are looked for anew.

    Strands are named by their numbers, which count them in the order in which they began. Where strands are taken away,
    another one has to begin.
    """

    def __init__(self) -> None:
        self._alerts: dict[int, int] = {}
        self._by_source: dict[str, list[int]] = defaultdict(list)
        self._by_target: dict[str, list[int]] = defaultdict(list)
        self._links: dict[int, list[tuple[int, int, Link]]] = {}
        self._service_of: dict[int, Service] = {}
        self._at: dict[Service, list[int]] = defaultdict(list)
        self._crowds: dict[Service, list[tuple[int, int, Link]]] = {}

    def groups(self, strands: Mapping[int, Strand], natures: Mapping[int, Nature], quiet_ns: int) -> list[list[int]]:
        """Which strands belong together: a function of what they are, not of their order.

        Args:
            strands: In the order of their numbers.
            natures: What each looks like.
            quiet_ns: Strands further apart in time are not linked.
        """
        self._follow(strands, natures, quiet_ns)
        parent = {number: number for number in strands}

        def root(number: int) -> int:
            while parent[number] != number:
                parent[number] = parent[parent[number]]
                number = parent[number]
            return number

        best: dict[int, tuple[int, bool, int, int]] = {}
        for one, other, link in chain(*self._links.values(), *self._crowds.values()):
            weak = [number for number in (one, other) if strands[number].alerts < BRIDGING_ALERTS]
            if not weak:
                parent[max(root(one), root(other))] = min(root(one), root(other))
            for number in weak:
                to = other if number == one else one
                few = strands[to].alerts < BRIDGING_ALERTS
                rank = (link, few, strands[number].gap_ns(strands[to].first_ns, strands[to].last_ns), to)
                best[number] = min(best.get(number, rank), rank)
        for number, (*_, to) in best.items():
            parent[max(root(number), root(to))] = min(root(number), root(to))
        found: dict[int, list[int]] = defaultdict(list)
        for number in strands:
            found[root(number)].append(number)
        return list(found.values())

    def _follow(self, strands: Mapping[int, Strand], natures: Mapping[int, Nature], quiet_ns: int) -> None:
        """A strand's links are of those that share a host with its sources; a crowd's, of those at its service."""
        changed = [strand for number, strand in strands.items() if self._alerts.get(number) != strand.alerts]
        hosts, services = set[str](), set[Service]()
        for strand in changed:
            self._alerts[strand.number] = strand.alerts
            for index, some in ((self._by_source, strand.sources.counts), (self._by_target, strand.targets.counts)):
                hosts.update(some)
                for host in some:
                    _add(index[host], strand.number)
            services.update(self._move(strand))
        near = {number for host in hosts for number in self._by_source.get(host, ())}
        for number in near:
            self._links[number] = list(self._links_of(number, strands, natures, quiet_ns))
        for service in services:
            self._crowds[service] = list(_crowds(self._at[service], strands))

    def _move(self, strand: Strand) -> Iterator[Service]:
        """Puts a strand to the service that it is at; the one that it left, and the one where it is now."""
        before = self._service_of.pop(strand.number, None)
        if before is not None:
            self._at[before].remove(strand.number)
            yield before
        target, port = strand.key[1], strand.port
        if target is not None and port is not None:
            now = self._service_of[strand.number] = target, strand.key[2], port, strand.reason
            _add(self._at[now], strand.number)
            yield now

    def _links_of(
        self, number: int, strands: Mapping[int, Strand], natures: Mapping[int, Nature], quiet_ns: int
    ) -> Iterator[tuple[int, int, Link]]:
        """With strands of its sources that began before it, and with those that its sources are targets of."""
        strand = strands[number]
        for other in _others(self._by_source, strand.sources.counts, number):
            if other < number and (
                link := _of_one_source(strand, strands[other], natures[number], natures[other], quiet_ns)
            ):
                yield number, other, link
        for other in _others(self._by_target, strand.sources.counts, number):
            link = _passed_on(strands[other], strand, natures[other], natures[number], quiet_ns)
            if link is Link.PIVOT and self._is_busy(strand.key[0], strands):
                link = None
            if link:
                yield number, other, link

    def _is_busy(self, host: str | None, strands: Mapping[int, Strand]) -> bool:
        """Whether more than a few sources have alerts at it."""
        at = self._by_target.get(host, ()) if host is not None else ()
        return len({strands[number].key[0] for number in at}) > BUSY_SOURCES


def _add(numbers: list[int], number: int) -> None:
    """Into a list in order, once."""
    place = bisect_left(numbers, number)
    if place == len(numbers) or numbers[place] != number:
        numbers.insert(place, number)


def _others(index: Mapping[str, list[int]], hosts: Iterable[str], number: int) -> Iterator[int]:
    for host in islice(hosts, COMPARED):
        yield from (other for other in index.get(host, ())[-COMPARED:] if other != number)


def _of_one_source(one: Strand, two: Strand, nature: Nature, other: Nature, quiet_ns: int) -> Link | None:
    """Two strands of one source: to the same host, or the same kind of thing to another one."""
    gap_ns = one.gap_ns(two.first_ns, two.last_ns)
    if gap_ns > quiet_ns:
        return None
    if one.key[1] is not None and one.key[1] == two.key[1]:
        return Link.PAIR
    if one.key[2:] == two.key[2:]:
        probing = nature.phase == other.phase == PROBING
        return Link.SOURCE if probing or gap_ns <= NEAR_NS else None
    if one.key[1] is not None:
        one, two, nature, other = two, one, other, nature
    if one.key[1] is None and two.key[1] in one.targets:
        return Link.PAIR if nature.phase == PROBING and other.phase > PROBING else None
    return None


def _passed_on(one: Strand, two: Strand, before: Nature, after: Nature, quiet_ns: int) -> Link | None:
    """A target of `one` is the source of `two`: it answers, passes on, or was taken over, save where it is busy."""
    if one.gap_ns(two.first_ns, two.last_ns) > quiet_ns:
        return None
    if one.key[0] is not None and (one.key[0], one.key[1]) == (two.key[1], two.key[0]):
        return Link.PAIR
    if one.key[2:] == two.key[2:] and one.key[3] is not None and _same_span(one, two):
        return Link.RELAY
    later = after.phase > before.phase > 0 and two.first_ns >= one.first_ns
    return Link.PIVOT if later and two.key[0] is not None else None


def _same_span(one: Strand, two: Strand) -> bool:
    """Whether both fill the same time: what they share is at least half of what they cover together."""
    shared = min(one.last_ns, two.last_ns) - max(one.first_ns, two.first_ns)
    covered = max(one.last_ns, two.last_ns) - min(one.first_ns, two.first_ns)
    return shared >= SAME_SPAN * covered


def _crowds(numbers: Sequence[int], strands: Mapping[int, Strand]) -> Iterator[tuple[int, int, Link]]:
    """Strands of many sources at one service, in the order of time, each with the one before it."""
    run: list[Strand] = []
    last_ns = 0
    for strand in sorted((strands[number] for number in numbers), key=lambda one: (one.first_ns, one.number)):
        if run and strand.first_ns - last_ns > NEAR_NS:
            yield from _crowd(run)
            run = []
        run.append(strand)
        last_ns = max(last_ns, strand.last_ns)
    yield from _crowd(run)


def _crowd(run: Sequence[Strand]) -> Iterator[tuple[int, int, Link]]:
    many = any(strand.key[0] is None for strand in run)
    if many or len({strand.key[0] for strand in run}) >= CROWD:
        hub = max(run, key=lambda strand: (strand.alerts, -strand.number))
        yield from ((strand.number, hub.number, Link.CROWD) for strand in run if strand is not hub)
