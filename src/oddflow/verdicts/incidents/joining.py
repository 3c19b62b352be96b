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

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from oddflow.verdicts.incidents.nature import Nature
from oddflow.verdicts.incidents.strand import Strand

NEAR_NS = 120_000_000_000
"""As far back as a flow's context looks."""

BRIDGING_ALERTS = 3
BUSY_SOURCES = 3
CROWD = 4
COMPARED = 64
"""A strand is compared with so many others of each kind at most, the newest."""

SAME_SPAN = 0.5
PROBING = 1


class Link(IntEnum):
    """Why two strands belong together, the strongest first."""

    PAIR = 1
    SOURCE = 2
    RELAY = 3
    PIVOT = 4
    CROWD = 5


def groups(strands: Sequence[Strand], natures: Sequence[Nature], quiet_ns: int) -> list[list[int]]:
    """Which strands belong together, as places in `strands`: a function of what they are, not of their order.

    Args:
        strands: In the order of their numbers.
        natures: What each looks like.
        quiet_ns: Strands further apart in time are not linked.
    """
    parent = list(range(len(strands)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    best: dict[int, tuple[int, bool, int, int]] = {}
    for one, other, link in _links(strands, natures, quiet_ns):
        weak = [place for place in (one, other) if strands[place].alerts < BRIDGING_ALERTS]
        if not weak:
            parent[max(root(one), root(other))] = min(root(one), root(other))
        for place in weak:
            to = other if place == one else one
            few = strands[to].alerts < BRIDGING_ALERTS
            rank = (link, few, strands[place].gap_ns(strands[to].first_ns, strands[to].last_ns), to)
            best[place] = min(best.get(place, rank), rank)
    for place, (*_, to) in best.items():
        parent[max(root(place), root(to))] = min(root(place), root(to))
    found: dict[int, list[int]] = defaultdict(list)
    for place in range(len(strands)):
        found[root(place)].append(place)
    return list(found.values())


def _links(strands: Sequence[Strand], natures: Sequence[Nature], quiet_ns: int) -> Iterator[tuple[int, int, Link]]:
    by_source, by_target = (
        _hosts(strand.sources.counts for strand in strands),
        _hosts(strand.targets.counts for strand in strands),
    )
    for place, strand in enumerate(strands):
        for other in _others(by_source, strand.sources.counts, place):
            if other < place and (link := _of_one_source(place, other, strands, natures, quiet_ns)):
                yield place, other, link
        for other in _others(by_target, strand.sources.counts, place):
            if link := _passed_on(other, place, strands, natures, quiet_ns, by_target):
                yield place, other, link
    yield from _crowds(strands)


def _hosts(each: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, hosts in enumerate(each):
        for host in hosts:
            found[host].append(place)
    return found


def _others(index: dict[str, list[int]], hosts: Iterable[str], place: int) -> Iterator[int]:
    for host in list(hosts)[:COMPARED]:
        yield from (other for other in index.get(host, ())[-COMPARED:] if other != place)


def _of_one_source(
    place: int, other: int, strands: Sequence[Strand], natures: Sequence[Nature], quiet_ns: int
) -> Link | None:
    """Two strands of one source: to the same host, or the same kind of thing to another one."""
    one, two = strands[place], strands[other]
    gap_ns = one.gap_ns(two.first_ns, two.last_ns)
    if gap_ns > quiet_ns:
        return None
    if one.key[1] is not None and one.key[1] == two.key[1]:
        return Link.PAIR
    if one.key[2:] == two.key[2:]:
        probing = natures[place].phase == natures[other].phase == PROBING
        return Link.SOURCE if probing or gap_ns <= NEAR_NS else None
    many, narrow = (place, other) if one.key[1] is None else (other, place)
    if strands[many].key[1] is None and strands[narrow].key[1] in strands[many].targets:
        return Link.PAIR if natures[many].phase == PROBING and natures[narrow].phase > PROBING else None
    return None


def _passed_on(
    before: int,
    after: int,
    strands: Sequence[Strand],
    natures: Sequence[Nature],
    quiet_ns: int,
    by_target: dict[str, list[int]],
) -> Link | None:
    """A target of `before` is the source of `after`: it answers, passes on, or was taken over."""
    one, two = strands[before], strands[after]
    if one.gap_ns(two.first_ns, two.last_ns) > quiet_ns:
        return None
    if one.key[0] is not None and (one.key[0], one.key[1]) == (two.key[1], two.key[0]):
        return Link.PAIR
    if one.key[2:] == two.key[2:] and one.key[3] is not None and _same_span(one, two):
        return Link.RELAY
    later = natures[after].phase > natures[before].phase > 0 and two.first_ns >= one.first_ns
    if not later or two.key[0] is None:
        return None
    sources = {strands[place].key[0] for place in by_target.get(two.key[0], ())}
    return Link.PIVOT if len(sources) <= BUSY_SOURCES else None


def _same_span(one: Strand, two: Strand) -> bool:
    """Whether both fill the same time: what they share is at least half of what they cover together."""
    shared = min(one.last_ns, two.last_ns) - max(one.first_ns, two.first_ns)
    covered = max(one.last_ns, two.last_ns) - min(one.first_ns, two.first_ns)
    return shared >= SAME_SPAN * covered


def _crowds(strands: Sequence[Strand]) -> Iterator[tuple[int, int, Link]]:
    """Strands of many sources at one service, in the order of time, each with the one before it."""
    at: dict[tuple[str, int, int, str], list[int]] = defaultdict(list)
    for place, strand in enumerate(strands):
        target, port = strand.key[1], strand.port
        if target is not None and port is not None:
            at[target, strand.key[2], port, strand.reason].append(place)
    for places in at.values():
        run: list[int] = []
        last_ns = 0
        for place in sorted(places, key=lambda one: (strands[one].first_ns, one)):
            if run and strands[place].first_ns - last_ns > NEAR_NS:
                yield from _crowd(run, strands)
                run = []
            run.append(place)
            last_ns = max(last_ns, strands[place].last_ns)
        yield from _crowd(run, strands)


def _crowd(run: Sequence[int], strands: Sequence[Strand]) -> Iterator[tuple[int, int, Link]]:
    many = any(strands[place].key[0] is None for place in run)
    if many or len({strands[place].key[0] for place in run}) >= CROWD:
        hub = max(run, key=lambda place: (strands[place].alerts, -place))
        yield from ((place, hub, Link.CROWD) for place in run if place != hub)
