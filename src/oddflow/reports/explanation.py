"""The page of one explained alert. As the other pages it is one file, and all words of the traffic are hostile."""

from datetime import datetime
from typing import Any

import numpy as np
from markupsafe import Markup

from oddflow.reports import words
from oddflow.reports.inside import heated, uri
from oddflow.reports.payload import SIDE, dump
from oddflow.reports.picture import warmed
from oddflow.reports.shell import rendered
from oddflow.reports.svg import chart, element, percent
from oddflow.schema import protocol_name
from oddflow.verdicts.explaining.explanation import Explanation, PacketShare

_BAR = 26.0
_PLOT = 120.0
_DUMPED = 256


def render(explanation: Explanation, *, generated: datetime | None = None) -> str:
    """The page as HTML: a pure function of what is given and the time of generation."""
    return rendered("explanation.html", generated=generated, **view(explanation))


def view(explanation: Explanation) -> dict[str, Any]:
    """What a template speaks of: the explanation in words and pictures."""
    alert = explanation.alert
    content = _content(explanation)
    pixels = np.frombuffer(content, np.uint8).reshape(SIDE, SIDE) / 255 if content else None
    heat = np.array(explanation.heat, np.float32)
    used = max(16, -(-len(content.rstrip(b"\0")) // 16) * 16)
    return {
        "it": explanation,
        "alert": alert,
        "protocol": protocol_name(alert.protocol),
        "lasted": words.duration(alert.end_ns - alert.start_ns),
        "curve": curve(explanation),
        "packets": packets(explanation.packets) if explanation.packets else None,
        "picture": uri(warmed(pixels, heat.reshape(SIDE, SIDE))) if pixels is not None else None,
        "hot": heated(content[:used], heat) if content else None,
        "dump": dump(alert.payload, _DUMPED) if not content else "",
    }


def _content(explanation: Explanation) -> bytes:
    """The bytes that the model saw, where it saw a picture of them."""
    if not explanation.heat:
        return b""
    row = np.frombuffer(explanation.alert.row, "<f4")
    if len(row) != len(explanation.heat):
        return explanation.alert.payload[: len(explanation.heat)].ljust(len(explanation.heat), b"\0")
    return bytes((row * 255).round().clip(0, 255).astype(np.uint8))


def curve(explanation: Explanation) -> Markup:
    """The score as parts are put back, one bar each, with the threshold as a line."""
    steps = [("as it is", explanation.score)] + [
        (f"without {one.part}", one.score_without) for one in explanation.because
    ]
    most = max([score for _, score in steps] + [explanation.threshold, 1e-9])
    bars = []
    for place, (name, score) in enumerate(steps):
        y = place * _BAR
        over = score >= explanation.threshold
        bars += [
            element("rect", class_="bar over" if over else "bar", x=0, y=y, width=percent(score / most), height=16),
            element("text", f"{words.visible(name)}: {words.number(score)}", x=6, y=y + 12, class_="axis"),
        ]
    at = percent(explanation.threshold / most)
    line = element("line", class_="limit", x1=at, x2=at, y1=0, y2=len(steps) * _BAR)
    return chart(
        *bars, line, height=len(steps) * _BAR, kind="spread", label="the score as parts are put back to normal"
    )


def packets(shares: tuple[PacketShare, ...]) -> Markup:
    """A bar for each packet, as high as it is long, downwards where it was received, as dark as its share."""
    most = max(abs(one.length_bytes) for one in shares) or 1
    strongest = max(one.share for one in shares) or 1.0
    middle, bars = _PLOT / 2, []
    for place, one in enumerate(shares):
        height = max(2.0, abs(one.length_bytes) / most * (middle - 4))
        level = min(4, int(one.share / strongest * 5))
        bars.append(
            element(
                "rect",
                element(
                    "title", f"packet {one.number}: {one.length_bytes} bytes, {words.share(one.share, 1)} of the score"
                ),
                class_=f"packet warm-{level}",
                x=percent(place / len(shares)),
                y=middle - height if one.length_bytes >= 0 else middle,
                width=percent(0.8 / len(shares)),
                height=height,
            )
        )
    zero = element("line", class_="zero", x2="100%", y1=middle, y2=middle)
    return chart(zero, *bars, height=_PLOT, kind="spread", label=f"{len(shares)} packets and their shares of the score")
