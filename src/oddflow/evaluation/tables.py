"""Results as Markdown: one text between marks for each protocol, so that one can be written anew by itself."""

import re
from collections.abc import Iterable, Iterator, Sequence

from oddflow.amounts import count, seconds, size
from oddflow.evaluation.checking import expected
from oddflow.evaluation.intervals import Estimate
from oddflow.evaluation.measure import Asked
from oddflow.evaluation.protocol import Protocol
from oddflow.evaluation.result import Result, Row

GRAVE = ("severe", "warning")
UNKNOWN = "–"


def cell(asked: Asked, figure: Estimate | None) -> str:
    """A figure with its interval: "83.28 (82.61–83.90)"."""
    if figure is None:
        return UNKNOWN
    value, low, high = (asked.shown(one).replace("-", "−") for one in (figure.value, figure.low, figure.high))
    to = " to " if figure.low < 0 else "–"
    return value if low == high == value else f"{value} ({low}{to}{high})"


def cost_cells(row: Row) -> list[str]:
    """What a detector costs, in words."""
    cost = row.cost
    return [
        UNKNOWN if cost.parameters is None else f"{cost.parameters:,}",
        seconds(cost.learning_s),
        f"{_round(cost.rows_per_s):,}/s",
        UNKNOWN if cost.peak_bytes is None else size(cost.peak_bytes),
        UNKNOWN if cost.sealed_bytes is None else size(cost.sealed_bytes),
    ]


COST_HEADS = ("parameters", "learning", "scoring", "memory", "sealed")


def _round(value: float) -> int:
    """Two digits are all that a time on a busy machine is worth."""
    return int(float(f"{value:.2g}"))


def titles(protocol: Protocol) -> list[str]:
    """Heads of the columns of figures; shares in percent say so."""
    return [f"{asked.title}, %" if asked.shown(1.0) == "100.00" else asked.title for asked in protocol.shown]


def page(result: Result, *, level: int = 2) -> str:
    """A whole result as Markdown, under a heading of that level."""
    protocol = Protocol.model_validate(result.protocol)
    several = len(result.parts) > 1
    parts = [f"{'#' * level} {protocol.title}", _label(result)]
    if protocol.how.strip():
        parts.append(_flat(protocol.how))
    for part in result.parts:
        table = _table(("detector", *titles(protocol)), _lines(result, protocol, part))
        parts.append(f"**{part}**\n\n{table}" if several else table)
    parts += [*_notes(result, protocol)]
    if protocol.conclusion.strip():
        parts.append(f"**{_flat(protocol.conclusion)}**")
    heads = ("detector", "learns from", "decides by", "rows learnt", *COST_HEADS)
    costs = [[row.title, row.learns, row.decides, f"{row.learnt_rows:,}", *cost_cells(row)] for row in result.rows]
    parts += [_table(heads, costs), _provenance(result), _leaks(result), _made(result)]
    return "\n\n".join(part for part in parts if part)


def _label(result: Result) -> str:
    commit = f", commit {result.commit}" if result.commit else ""
    return f"*{result.label.capitalize()}: {result.why}{commit}.*"


def _lines(result: Result, protocol: Protocol, part: str) -> Iterator[list[str]]:
    for one in protocol.published:
        figures = one.figures.get(part, {})
        if figures:
            cells = [asked.shown(figures[str(asked)]) if str(asked) in figures else UNKNOWN for asked in protocol.shown]
            yield [f"*{one.what}, published*", *cells]
    for row in result.rows:
        title = f"*{row.title}*" if row.trivial else row.title
        yield [title, *(cell(asked, row.parts[part].figures.get(str(asked))) for asked in protocol.shown)]


def _notes(result: Result, protocol: Protocol) -> Iterator[str]:
    """Sentences under the tables."""
    seeds = count(len(protocol.seeds), "seed")
    yield (
        f"Means over {seeds}; in brackets, where 95 of 100 such means lie, of other seeds and other rows. Lines in "
        "italics stand beside for comparison: trivial baselines, and what papers say."
    )
    said = [
        f"{one.one} less {one.other}, {Asked.read(one.measure).title}"
        f"{f' on {one.part}' if len(result.parts) > 1 else ''}: {cell(Asked.read(one.measure), one.figure)}"
        for one in result.differences
    ]
    said += [f"{row.title}: {row.note}" for row in result.rows if row.note]
    said += [f"{one.what}: {one.note}" for one in protocol.published if one.note]
    said += [f"{'reached' if one.met else '**not reached**'}: {one.said}" for one in expected(result)]
    said += list(_first_alerts(result))
    if said:
        yield "\n".join(f"- {one}" for one in said)


def _first_alerts(result: Result) -> Iterator[str]:
    for part in result.parts:
        told = []
        for row in result.rows:
            first = row.parts[part].first_alert
            if first and not row.trivial and first["campaigns"]:
                after = "" if first["median_s"] is None else f", half of them within {seconds(first['median_s'])}"
                told.append(f"{row.title} {first['found']:.3g} of {first['campaigns']:.3g}{after}")
        if told:
            on = f" on {part}" if len(result.parts) > 1 else ""
            yield f"campaigns that raise an alert{on}: {'; '.join(told)}"


def _provenance(result: Result) -> str:
    return f"Rows: {'. '.join(_capital(one) for one in result.provenance)}. sha256 {result.data_sha256[0][:12]}."


def _leaks(result: Result) -> str:
    if not result.leaks:
        return ""
    grave = [leak for leak in result.leaks if leak.severity in GRAVE]
    clean = len(result.leaks) - len(grave)
    told = "\n".join(f"- {leak.severity}: {leak.check}: {leak.what}" for leak in grave)
    checks = f"Leak checks: {count(len(grave), 'warning')}, {clean:,} with nothing grave."
    return f"{checks}\n\n{told}" if told else checks


def _made(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    option = f"--suite {result.protocol['suite']} --only {result.name}" if result.name else "…"
    return (
        f"Made {result.date[:10]} by `oddflow evaluate {option}`; {seconds(result.duration_s)} of learning in all. "
        f"{versions}; program {', '.join(result.code)}; choices {result.sha256[:12]}."
    )


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    def written(cells: Iterable[str]) -> str:
        return f"| {' | '.join(one.replace('|', '·') for one in cells)} |"

    return "\n".join([written(heads), f"|{'---|' * len(heads)}", *map(written, lines)])


def _flat(text: str) -> str:
    return " ".join(text.split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def replaced(text: str, name: str, new: str) -> str:
    """A page with another text between the marks of a name, which are put at its end where it has none.

    >>> print(replaced("before <!-- result a -->old<!-- /result a --> after", "a", "new"))
    before <!-- result a -->
    new
    <!-- /result a --> after
    """
    begin, end = f"<!-- result {name} -->", f"<!-- /result {name} -->"
    whole = f"{begin}\n{new}\n{end}"
    if begin not in text or end not in text:
        return f"{text.rstrip()}\n\n{whole}\n"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: whole, text, flags=re.DOTALL)
