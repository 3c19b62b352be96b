"""Where things went: one bar that is all that came in, its parts what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.svg import chart, element, percent
from oddflow.reports.words import share

_HEIGHT = 26.0
_LEAST = 0.004
"""A part that is there is seen, however small."""


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some.

    Attributes:
        name: In words.
        amount: How many.
        style: "good", "lost" or "apart".
    """

    name: str
    amount: int
    style: str = "good"


def balance_bar(parts: Sequence[Part], unit: str) -> Markup:
    """Parts side by side in one bar; empty where nothing came in."""
    shown = [part for part in parts if part.amount > 0]
    total = sum(part.amount for part in shown)
    if not total:
        return Markup("")
    widths = [max(part.amount / total, _LEAST) for part in shown]
    scale = 1 / sum(widths)
    drawn, at = [], 0.0
    for part, width in zip(shown, widths, strict=True):
        words = f"{part.name}\n{part.amount:,} {unit}, {share(part.amount, total)}"
        drawn.append(
            element(
                "rect", element("title", words), class_=f"hit part {part.style}", x=percent(at),
                width=percent(width * scale), y=0, height=_HEIGHT,
            )
        )  # fmt: skip
        at += width * scale
    told = "; ".join(f"{part.name} {part.amount:,}" for part in shown)
    return chart(*drawn, height=_HEIGHT, kind="balance", label=f"Of {total:,} {unit}: {told}")
