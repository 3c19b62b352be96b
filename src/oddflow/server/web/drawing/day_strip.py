"""The hours of the day as a strip of 24 fields, the fuller the darker."""

from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import chart, element, percent
from oddflow.reports.words import count

HOURS = 24
SHADES = 9
_HEIGHT = 30.0


def day_strip(flows: Sequence[int]) -> Markup:
    """Flows by the hour of the day, in UTC: (24,).

    The shade is by the square root of the share of the fullest hour, so that quiet hours are told from empty ones.
    """
    most = max(flows, default=0)
    if not most:
        return Markup("")
    fields = []
    for hour, here in enumerate(flows[:HOURS]):
        shade = 0 if not here else max(1, round(SHADES * (here / most) ** 0.5))
        words = f"{hour:02d}:00 to {(hour + 1) % HOURS:02d}:00 UTC\n{count(here, 'flow')}"
        fields.append(
            element(
                "rect", element("title", words), class_=f"hit hour h{shade}", x=percent((hour + 0.04) / HOURS),
                width=percent(0.92 / HOURS), y=0, height=_HEIGHT, rx=2,
            )
        )  # fmt: skip
    labels = [
        element(
            "text", f"{hour:02d}", x=percent((hour + 0.5) / HOURS), y=_HEIGHT + 16, text_anchor="middle",
            class_="axis" if hour % 6 == 0 else "axis minor",
        )
        for hour in range(0, HOURS, 3)
    ]  # fmt: skip
    busiest = max(range(len(flows[:HOURS])), key=lambda hour: flows[hour])
    return chart(
        *fields,
        *labels,
        height=_HEIGHT + 20,
        kind="day",
        label=f"Flows by hour of the day in UTC; most between {busiest:02d}:00 and {(busiest + 1) % HOURS:02d}:00",
    )
