"""The formats, by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from oddflow.outputs import cef, comma, ecs, eve, idmef, stix
from oddflow.outputs.line import line_of
from oddflow.outputs.message import Message
from oddflow.outputs.notice import Notice, Told, notice_of
from oddflow.verdicts.alert import utc


@dataclass(frozen=True, slots=True)
class Format:
    """How notices are said.

    Attributes:
        name: What a person calls it.
        media_type: What HTTP calls it.
        say: Puts one notice in words.
        heading: The first line of a file, if any.
    """

    name: str
    media_type: str
    say: Callable[[Notice], str]
    heading: str = ""

    def message(self, item: Told) -> Message:
        """An alert or incident as a message."""
        notice = notice_of(item)
        facts = {
            "time": utc(notice.start_ns), "severity": notice.severity.name, "line": line_of(notice),
            "kind": notice.kind, "src": notice.src_ip, "dst": notice.dst_ip,
            "score": "" if notice.score is None else f"{notice.score:.4g}",
        }  # fmt: skip
        return Message(notice.id, self.say(notice).encode("utf-8", "replace"), facts)


def _as_json(make: Callable[[Notice], dict[str, object]]) -> Callable[[Notice], str]:
    return lambda notice: json.dumps(make(notice), ensure_ascii=False, allow_nan=False)


JSON = "application/json"
FORMATS: dict[str, Format] = {
    made.name: made
    for made in (
        Format("json", JSON, _as_json(lambda notice: notice.body)),
        Format("eve", JSON, _as_json(eve.eve)),
        Format("ecs", JSON, _as_json(ecs.ecs)),
        Format("cef", "text/plain; charset=utf-8", cef.cef),
        Format("idmef", JSON, _as_json(idmef.idmef)),
        Format("stix", "application/stix+json;version=2.1", _as_json(stix.bundle)),
        Format("csv", "text/csv; charset=utf-8", comma.row, comma.HEADING),
        Format("text", "text/plain; charset=utf-8", line_of),
    )
}
