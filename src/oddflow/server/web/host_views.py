"""A host as its page shows it: what is normal for it as charts, what changed with a way to the flows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from oddflow.amounts import size
from oddflow.logs.parts import HOUR_NS
from oddflow.reports.words import count, duration
from oddflow.schema import protocol_name
from oddflow.server.flowstore.changes import Change, ChangeKind, HostHour
from oddflow.server.flowstore.host_picture import HostPicture, UsualService
from oddflow.server.web.drawing.courses import Band, Course, courses_chart
from oddflow.server.web.drawing.day_strip import day_strip

HOUR_S, DAY_S = 3_600, 86_400
LEAST_DAYS = 3
"""With fewer days before, no band can be drawn."""
SHOWN_DAYS = 7
USUAL = (0.1, 0.9)
"""The band holds what lies between these quantiles of the same hour on other days."""
CHIPS = {
    ChangeKind.NEW_HOST: "",
    ChangeKind.NEW_SERVICE: "warn",
    ChangeKind.NEW_OFFER: "bad",
    ChangeKind.NEW_PEERS: "warn",
    ChangeKind.VOLUME: "warn",
    ChangeKind.SILENT: "",
}


@dataclass(frozen=True, slots=True)
class Volume:
    """Bytes in each hour beside what is usual at that hour of the day.

    Attributes:
        drawn: The chart; empty where the host was not seen.
        days: How many days the band stands for; 0 where there is none.
    """

    drawn: Markup
    days: int


def volume(picture: HostPicture) -> Volume:
    """Bytes by the hour over the last days, with the band of what is usual."""
    last = int(picture.until_s // HOUR_S)
    first = max(int(picture.since_s // HOUR_S), last - SHOWN_DAYS * 24 + 1)
    at = {hour.number: hour.sent + hour.received for hour in picture.hours}
    if not any(number >= first for number in at):
        return Volume(Markup(""), 0)
    values: list[float | None] = [at.get(number, 0.0) for number in range(first, last + 1)]
    band, days = _band(picture, first, last)
    course = Course("bytes an hour", values)
    odd = {change.at_ns // HOUR_NS - first for change in picture.changes if change.kind is ChangeKind.VOLUME}
    drawn = courses_chart(
        [course], first * HOUR_S, HOUR_S, label=f"Bytes of {picture.host}", say=size, band=band, odd=odd, stepped=True
    )
    return Volume(drawn, days)


def _band(picture: HostPicture, first: int, last: int) -> tuple[Band | None, int]:
    """What is usual at each hour of the day, of the days before what may have changed."""
    since = int(picture.change_since_s // HOUR_S)
    before = [hour for hour in picture.hours if hour.number < since]
    days = len({hour.number // 24 for hour in before})
    if days < LEAST_DAYS:
        return None, 0
    at_hour: dict[int, list[float]] = defaultdict(list)
    for hour in before:
        at_hour[hour.number % 24].append(hour.sent + hour.received)
    limits = {}
    for hour_of_day in range(24):
        seen = sorted(at_hour[hour_of_day] + [0.0] * (days - len(at_hour[hour_of_day])))
        limits[hour_of_day] = tuple(seen[round(share * (len(seen) - 1))] for share in USUAL)
    low = [limits[number % 24][0] for number in range(first, last + 1)]
    high = [limits[number % 24][1] for number in range(first, last + 1)]
    return Band(low, high), days


def day(picture: HostPicture) -> Markup:
    """Flows by hour of the day, on an average day."""
    return day_strip([round(10 * flows) for flows in picture.by_hour]) if any(picture.by_hour) else Markup("")


def alerts_by_day(hours: Sequence[HostHour]) -> int:
    """The most alerts on one day."""
    days: dict[int, int] = defaultdict(int)
    for hour in hours:
        days[hour.number // 24] += hour.alerts
    return max(days.values(), default=0)


def sentence(picture: HostPicture) -> str:
    """What there is of a host, in a sentence."""
    if picture.first_ns is None or picture.last_ns is None:
        return "It was not seen in this time."
    whole = max(1, int((picture.until_s - picture.since_s) // HOUR_S))
    told = f"Seen in {count(len(picture.hours), 'hour')} of the last {whole:,}: it began "
    told += f"{count(picture.flows_out, 'flow')} and answered {picture.flows_in:,}, "
    told += f"with {count(picture.peers_total, 'host')} over {count(picture.services_total, 'service')}"
    return f"{told}; it sent {size(picture.sent)} and received {size(picture.received)}."


def service_words(service: UsualService) -> str:
    """What a service is called: its name with its port."""
    protocol = protocol_name(service.protocol)
    place = f"{protocol}/{service.port}" if service.port else protocol
    if service.service:
        return f"{service.service} ({place})"
    return place if service.port or protocol not in {"tcp", "udp", "sctp"} else f"{place}, ports at random"


def question_of(picture: HostPicture, change: Change) -> str:
    """The address of the flows that a change speaks of; empty where it speaks of none."""
    if not change.query:
        return ""
    text = change.query.replace("{host}", picture.host)
    if "since" not in text:
        hours = max(1, -(-int(picture.until_s - picture.change_since_s) // HOUR_S) + 1)
        text += f" last {hours}h"
    return f"/flows?q={quote(text, safe='')}"


def flows_of(host: str, rest: str = "last 24h") -> str:
    """The address of a host's flows."""
    return f"/flows?q={quote(f'ip = {host} {rest}'.strip(), safe='')}"


def known_for(picture: HostPicture) -> str:
    """How long a host is known."""
    if picture.first_ns is None or picture.last_ns is None:
        return ""
    return duration(picture.last_ns - picture.first_ns)
