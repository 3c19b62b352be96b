"""Strands that belong together become an incident."""

import heapq
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

from oddflow.verdicts.alert import LABELS
from oddflow.verdicts.incidents.incident import Incident, Stage
from oddflow.verdicts.incidents.nature import Nature, nature_of
from oddflow.verdicts.incidents.severity import danger, in_a_word, points
from oddflow.verdicts.incidents.strand import TOP_ALERTS, Strand, oddest
from oddflow.verdicts.incidents.title import clause, title_of

LISTED_HOSTS = 16
LISTED_STAGES = 16
LISTED_LINKS = 64
LISTED_ALERTS = 1_000
EVIDENCE = 4


def told(strands: Sequence[Strand], threshold: float) -> Incident:
    """The incident that these strands are, in the order of their numbers; `threshold` made their alerts."""
    merged = _merged(strands)
    pairs = _in_order([(strand, nature_of(strand)) for strand in merged])
    natures = [nature for _, nature in pairs]
    listed = sorted(pairs, key=lambda one: (-bool(one[1].category), -one[0].alerts))[:LISTED_STAGES]
    stages = tuple(_stage(strand, nature) for strand, nature in pairs if any(strand is one for one, _ in listed))
    gravest = max(natures, key=danger)
    alerts = sum(strand.alerts for strand in merged)
    score = max(strand.score for strand in merged)
    targets = {host for strand in merged for host in strand.targets.counts}
    number = points(natures, score=score, threshold=threshold, alerts=alerts, reached=len(targets))
    truths = sum((strand.truths for strand in merged), Counter())
    return Incident(
        id=strands[0].id,
        title=title_of(stages),
        severity=in_a_word(number),
        points=number,
        first_ns=min(strand.first_ns for strand in merged),
        last_ns=max(strand.last_ns for strand in merged),
        hosts=tuple(dict.fromkeys(host for stage in stages for host in (*stage.sources, *stage.targets))),
        category=gravest.category,
        category_probability=gravest.probability,
        techniques=tuple(dict.fromkeys(name for stage in stages for name in stage.techniques)),
        alerts=alerts,
        alert_ids=tuple(one for strand in strands for one in strand.ids)[:LISTED_ALERTS],
        stages=stages,
        stage_count=len(merged),
        evidence=_evidence(merged),
        top=tuple(
            replace(alert, incident=strands[0].id)
            for _, _, alert in heapq.nlargest(
                TOP_ALERTS, (entry for strand in merged for entry in strand.top), key=oddest
            )
        ),
        links=_links(strands),
        score=score,
        labels=tuple(name for name, _ in sum((strand.labels for strand in merged), Counter()).most_common(LABELS)),
        truths=tuple(sorted(truths.items())),
    )


def _in_order(pairs: Sequence[tuple[Strand, Nature]]) -> list[tuple[Strand, Nature]]:
    """By when they began; what is passed on over the same time stands behind what it passes on."""
    left = sorted(pairs, key=lambda one: (one[0].first_ns, one[0].number))
    ordered: list[tuple[Strand, Nature]] = []
    while left:
        first = left[0][0]
        place = next(
            (n for n, (one, _) in enumerate(left) if n and first.key[0] in one.targets and _feeds(one, first)), 0
        )
        ordered.append(left.pop(place))
    return ordered


def _feeds(one: Strand, other: Strand) -> bool:
    return one.key[2:] == other.key[2:] and one.first_ns <= other.last_ns and one.key[0] not in other.targets


def _merged(strands: Sequence[Strand]) -> list[Strand]:
    """The same kind of thing by one source is one stage, and so is what is of one category."""
    alike = _together(strands, [(strand.key[0], *strand.key[2:]) for strand in strands])
    natures = [nature_of(strand) for strand in alike]
    return _together(
        alike,
        [
            (strand.key[0], nature.category) if nature.category else (strand.key[0], *strand.key[2:], place)
            for place, (strand, nature) in enumerate(zip(alike, natures, strict=True))
        ],
    )


def _together(strands: Sequence[Strand], names: Sequence[Hashable]) -> list[Strand]:
    made: dict[Hashable, Strand] = {}
    for strand, name in zip(strands, names, strict=True):
        if name not in made:
            made[name] = Strand(strand.key, strand.number, strand.id, strand.first_ns, strand.last_ns)
        made[name].absorb(strand)
    return list(made.values())


def _stage(strand: Strand, nature: Nature) -> Stage:
    return Stage(
        title=clause(strand, nature),
        category=nature.category,
        probability=nature.probability,
        techniques=tuple(name for name, _ in strand.techniques.most_common()),
        first_ns=strand.first_ns,
        last_ns=strand.last_ns,
        alerts=strand.alerts,
        sources=strand.sources.first(LISTED_HOSTS),
        targets=strand.targets.first(LISTED_HOSTS),
        source_count=len(strand.sources),
        target_count=len(strand.targets),
        port_count=strand.ports.bit_count(),
        protocol=strand.key[2],
        port=strand.port,
        size_bytes=strand.size_bytes,
        reason=strand.reasons[strand.reason][1].text if strand.reasons else "",
        score=strand.score,
        truths=tuple(sorted(strand.truths.items())),
    )


def _evidence(strands: Sequence[Strand]) -> tuple[str, ...]:
    """The commonest leading reasons, each where it is strongest, of one wording once."""
    met: Counter[str] = Counter()
    for strand in strands:
        for times, reason in strand.reasons.values():
            met[reason.text] += times
    return tuple(text for text, _ in met.most_common(EVIDENCE))


def _links(strands: Sequence[Strand]) -> tuple[tuple[str, str, int], ...]:
    """Who spoke to whom: for a strand of many hosts, the side that is one host with each of the others."""
    met: Counter[tuple[str, str]] = Counter()
    for strand in strands:
        if strand.key[0] is not None and strand.key[1] is not None:
            met[strand.key[0], strand.key[1]] += strand.alerts
        elif strand.key[0] is not None:
            met.update({(strand.key[0], host): times for host, times in strand.targets.counts.items()})
        elif strand.key[1] is not None:
            met.update({(host, strand.key[1]): times for host, times in strand.sources.counts.items()})
    return tuple((src, dst, times) for (src, dst), times in met.most_common(LISTED_LINKS))
