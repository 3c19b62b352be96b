"""The stages of an incident over time: a lane each."""

from markupsafe import Markup

from oddflow.reports.svg import anchor, between, chart, element, join, percent, time_ticks
from oddflow.reports.words import count, duration, moment
from oddflow.verdicts.incidents.incident import Incident, Stage

LANES = 8
_LANE, _TOP = 32.0, 6.0
_WORDS = 96


def stages_chart(incident: Incident) -> Markup:
    """When each stage began and ended; a lane each for the first `LANES`."""
    shown = incident.stages[:LANES]
    bottom = _TOP + _LANE * len(shown)
    axis = []
    for index, (time_ns, words) in enumerate(time_ticks(incident.first_ns, incident.last_ns, about=6)):
        at = between(time_ns, incident.first_ns, incident.last_ns)
        kind = " minor" if index % 2 else ""
        axis.append(element("line", class_=f"grid{kind}", x1=percent(at), x2=percent(at), y1=_TOP, y2=bottom))
        axis.append(element("text", words, x=percent(at), y=bottom + 14, text_anchor=anchor(at), class_=f"axis{kind}"))
    return chart(
        element("g", *axis),
        join([_lane(incident, stage, index) for index, stage in enumerate(shown)]),
        height=bottom + 20,
        kind="timeline stages",
        label=f"When each of {count(len(shown), 'stage')} began and ended",
    )


def _lane(incident: Incident, stage: Stage, index: int) -> Markup:
    y = _TOP + _LANE * index + 22
    first, last = (between(at, incident.first_ns, incident.last_ns) for at in (stage.first_ns, stage.last_ns))
    title = (
        f"{stage.title}\n{count(stage.alerts, 'alert')}, from {moment(stage.first_ns)} "
        f"for {duration(stage.last_ns - stage.first_ns)}"
    )
    if incident.last_ns <= incident.first_ns:
        first, last = 0.0, 1.0
    words = stage.category.replace("_", " ") or "odd flows"
    short = f"{words}: {count(stage.alerts, 'alert')}"[:_WORDS]
    return element(
        "g",
        element("title", title),
        element("rect", class_="catch", width="100%", y=y - 18, height=_LANE - 4),
        element("text", short, x=0, y=y - 6, class_="lane-words"),
        element("line", class_="rail", x2="100%", y1=y + 2, y2=y + 2),
        # a short stage must still be seen
        element("line", class_="busy", x1=percent(first), x2=percent(max(last, min(1.0, first + 0.004))), y1=y + 2,
                y2=y + 2),
        class_="hit lane",
    )  # fmt: skip
