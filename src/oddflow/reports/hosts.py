"""Who spoke to whom in an incident: hosts as points in columns, a line for each pair, from left to right."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import chart, element, join, percent
from oddflow.reports.words import count

COLUMNS = 3
MOST_IN_COLUMN = 8
_LONGEST = 22
_ROW, _TOP = 34.0, 26.0

Links = Sequence[tuple[str, str, int]]


def hosts_chart(links: Links) -> Markup:
    """A picture of the links (source, destination, alerts); empty where there is none."""
    if not links:
        return Markup("")
    columns = _columns(links)
    places = _places(columns)
    rows = max(min(len(column), MOST_IN_COLUMN + 1) for column in columns)
    return chart(
        join([_line(places, src, dst, alerts) for src, dst, alerts in links if src in places and dst in places]),
        join([_host(host, *place) for host, place in places.items()]),
        join([_more(column, number, len(columns)) for number, column in enumerate(columns)]),
        height=_TOP + _ROW * (rows - 1) + 12,
        kind="graph",
        label=f"{count(sum(map(len, columns)), 'host')}, {count(len(links), 'pair')} with alerts between them",
    )


def _columns(links: Links) -> list[list[str]]:
    """Hosts by how many steps they are from one that nobody spoke to; at most `COLUMNS` columns."""
    reached = {dst for _, dst, _ in links}
    level = {src: 0 for src, _, _ in links if src not in reached} or {links[0][0]: 0}
    for _ in range(COLUMNS - 1):
        for src, dst, _ in links:
            if src in level and dst not in level:
                level[dst] = min(level[src] + 1, COLUMNS - 1)
    for src, dst, _ in links:  # what only a circle reaches
        level.setdefault(src, 0)
        level.setdefault(dst, COLUMNS - 1)
    columns = [[host for host, at in level.items() if at == number] for number in range(COLUMNS)]
    return [column for column in columns if column]


def _places(columns: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Where each shown host stands: across from 0 to 1, down in pixels; short columns stand in the middle."""
    tallest = max(min(len(column), MOST_IN_COLUMN) for column in columns)
    places = {}
    for number, column in enumerate(columns):
        shown = column[:MOST_IN_COLUMN]
        for row, host in enumerate(shown):
            y = _TOP + _ROW * (row + (tallest - len(shown)) / 2)
            places[host] = (number / (len(columns) - 1) if len(columns) > 1 else 0.5), y
    return places


def _line(places: dict[str, tuple[float, float]], src: str, dst: str, alerts: int) -> Markup:
    (x1, y1), (x2, y2) = places[src], places[dst]
    return element(
        "line",
        element("title", f"{src} → {dst}\n{count(alerts, 'alert')}"),
        class_="hit link",
        x1=percent(x1), x2=percent(x2), y1=y1, y2=y2,
        stroke_width=1 + min(4.0, math.log10(max(alerts, 1)) * 1.3),
    )  # fmt: skip


def _host(host: str, x: float, y: float) -> Markup:
    short = host if len(host) <= _LONGEST else f"{host[: _LONGEST // 2]}…{host[-_LONGEST // 2 + 1 :]}"
    return element(
        "g",
        element("title", host),
        element("circle", class_="dot", cx=percent(x), cy=y, r=4),
        element("text", short, x=percent(x), y=y - 10, text_anchor=_anchor(x), class_="host"),
        class_="hit",
    )


def _more(column: list[str], number: int, columns: int) -> Markup:
    left = len(column) - MOST_IN_COLUMN
    if left <= 0:
        return Markup("")
    x = number / (columns - 1) if columns > 1 else 0.5
    y = _TOP + _ROW * MOST_IN_COLUMN
    return element("text", f"and {left:,} more", x=percent(x), y=y - 10, text_anchor=_anchor(x), class_="axis")


def _anchor(x: float) -> str:
    return "start" if x == 0 else "end" if x == 1 else "middle"
