"""Times as pages show them: how long ago, with the time in UTC behind it."""

import time

from markupsafe import Markup

from oddflow.reports.words import duration, moment
from oddflow.verdicts.alert import utc

SECOND_NS = 1_000_000_000
RELATIVE_NS = 86_400 * SECOND_NS
"""Beyond a day the date says more than how long ago it was."""


def when(time_ns: int, *, now_ns: int | None = None) -> Markup:
    """A <time>: "3 min ago" within a day, else the date; the whole of it in its title.

    >>> print(when(1_700_000_000 * SECOND_NS, now_ns=1_700_000_185 * SECOND_NS))
    <time datetime="2023-11-14T22:13:20.000000Z" title="2023-11-14 22:13:20 UTC" data-ago>3 min ago</time>
    """
    now = time.time_ns() if now_ns is None else now_ns
    whole = f"{moment(time_ns)} UTC"
    ago = now - time_ns
    near = 0 <= ago < RELATIVE_NS
    told = ago_words(ago) if near else whole
    mark = Markup(" data-ago") if near else ""
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(utc(time_ns), whole, mark, told)


def until(first_ns: int, last_ns: int) -> str:
    """A span in UTC: the second date only where it is another.

    >>> until(1_700_000_000 * SECOND_NS, 1_700_000_060 * SECOND_NS)
    '2023-11-14 22:13:20 to 22:14:20 UTC'
    """
    first, last = moment(first_ns), moment(last_ns)
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"


def seconds_ago(since_s: float, *, now_s: float | None = None) -> str:
    """How long something has lasted.

    >>> seconds_ago(100.0, now_s=3_825.0)
    '1 h 2 min'
    """
    now = time.time() if now_s is None else now_s
    return duration(round(max(0.0, now - since_s)) * SECOND_NS)


def ago_words(ago_ns: int) -> str:
    """How long ago, in one unit.

    >>> ago_words(185 * SECOND_NS), ago_words(900), ago_words(7_300 * SECOND_NS)
    ('3 min ago', 'just now', '2 h ago')
    """
    seconds = ago_ns // SECOND_NS
    if seconds < 5:
        return "just now"
    for unit_s, unit in ((3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit} ago"
    return f"{seconds} s ago"
