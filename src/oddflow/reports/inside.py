"""The page of what is inside a model: its layers, what excites them, its codes, and where it looks.

As the other pages it is one HTML file that needs nothing else, and all words of the traffic are hostile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from oddflow.reports.picture import uri as plain_uri
from oddflow.reports.shell import rendered
from oddflow.reports.svg import chart, element, layer, percent, steps
from oddflow.reports.words import number

_HEIGHT = 34.0
_PLOT = 300.0


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer in numbers: counts of its weights and of what it gives, each from a least to a greatest value.

    `picture` is of its weights, (h, w, 3); `silent` the share of its units that give every row the same.
    """

    name: str
    operator: str
    shape: str
    parameters: int
    units: int
    mean: float
    deviation: float
    silent: float
    weights: Sequence[int]
    weight_range: tuple[float, float]
    activations: Sequence[int]
    activation_range: tuple[float, float]
    picture: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Change:
    """A feature, what it was and what it is now, in words."""

    feature: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ExcitedView:
    """What excites a unit: as a picture where rows are pictures, else as the features that changed most."""

    what: str
    before: float
    after: float
    picture: NDArray[np.uint8] | None = None
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class CodesView:
    """Codes of rows in two principal components.

    Attributes:
        layer: Whose codes.
        width: Numbers of a code.
        places: (n, 2).
        scores: Of the rows, (n,).
        explained: What share of the codes' variance the two components hold.
        pictures: Of rows drawn between the most usual and the oddest row's codes; none where rows are no pictures.
        changes: The features that change most on that way.
    """

    layer: str
    width: int
    places: NDArray[np.floating]
    scores: NDArray[np.floating]
    explained: float
    pictures: Sequence[NDArray[np.uint8]] = ()
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class HeatView:
    """Where the model looks in one row: the picture, the same with heat, and its bytes with the heat of each."""

    score: float
    picture: NDArray[np.uint8]
    warmed: NDArray[np.uint8]
    content: bytes
    heat: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Inside:
    """All that the page shows."""

    model: str
    detector: str
    fingerprint: str
    looked_at: str
    rows: int
    layers: Sequence[LayerView]
    excited: Sequence[ExcitedView] = ()
    codes: CodesView | None = None
    heats: Sequence[HeatView] = ()
    remarks: Sequence[str] = field(default_factory=tuple)


def uri(pixels: NDArray[np.uint8]) -> Markup:
    """A picture's data URI as it stands: a template would cut it as it cuts long words of the traffic."""
    return Markup(plain_uri(pixels))  # noqa: S704


def render(inside: Inside, *, generated: datetime | None = None) -> str:
    """The page as HTML: a pure function of what is given and the time of generation."""
    return rendered(
        "inside.html",
        generated=generated,
        inside=inside,
        layers=[
            (
                one,
                uri(one.picture),
                histogram(one.weights, one.weight_range, f"weights of {one.name}"),
                histogram(one.activations, one.activation_range, f"activations of {one.name}"),
            )
            for one in inside.layers
        ],
        excited=[(one, None if one.picture is None else uri(one.picture)) for one in inside.excited],
        codes=inside.codes,
        cloud=None if inside.codes is None else cloud(inside.codes),
        between=[] if inside.codes is None else [uri(picture) for picture in inside.codes.pictures],
        heats=[(one, uri(one.picture), uri(one.warmed), heated(one.content, one.heat)) for one in inside.heats],
        parameters=sum(one.parameters for one in inside.layers),
    )


def histogram(counts: Sequence[int], ends: tuple[float, float], label: str) -> Markup:
    """Counts between a least and a greatest value, on a scale of square roots."""
    most = max([1, *counts])
    heights = [(count / most) ** 0.5 * (_HEIGHT - 2) for count in counts]
    low, high = (number(end) for end in ends)
    area = element("path", class_="area", d=steps(heights, _HEIGHT, closed=True))
    return chart(
        layer(area, y=0, height=_HEIGHT, columns=len(counts)),
        element("line", class_="zero", x2="100%", y1=_HEIGHT, y2=_HEIGHT),
        element("text", low, x=0, y=_HEIGHT + 14, class_="axis"),
        element("text", high, x="100%", y=_HEIGHT + 14, text_anchor="end", class_="axis"),
        height=_HEIGHT + 18,
        kind="spread",
        label=f"{label}, from {low} to {high}",
    )


def cloud(codes: CodesView) -> Markup:
    """Codes as dots, the oddest tenth in the alarm's colour and last."""
    low, high = codes.places.min(axis=0), codes.places.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    at = 0.02 + 0.96 * (codes.places - low) / span
    odd = codes.scores >= np.quantile(codes.scores, 0.9)
    dots = [
        element(
            "circle",
            element("title", f"score {number(float(codes.scores[place]))}"),
            class_="dot odd" if odd[place] else "dot",
            cx=percent(float(at[place, 0])),
            cy=_PLOT * (1 - float(at[place, 1])),
            r=3,
        )
        for place in np.argsort(codes.scores, kind="stable")
    ]
    return chart(
        element("rect", class_="frame", width="100%", height=_PLOT),
        *dots,
        height=_PLOT,
        kind="cloud",
        label=f"{len(dots):,} rows by their codes in two principal components",
    )


def heated(content: bytes, heat: NDArray[np.floating]) -> Markup:
    """A dump of bytes, each on a ground of its heat in five steps."""
    levels = np.clip((heat.reshape(-1) * 5).astype(int), 0, 4)
    lines = []
    for start in range(0, len(content), 16):
        cells = [
            element("span", f"{byte:02x}", class_=f"warm-{levels[start + place]}")
            for place, byte in enumerate(content[start : start + 16])
        ]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in content[start : start + 16])
        lines.append(Markup(" ").join([Markup(f"{start:04x} "), *cells, Markup.escape(f" {text}")]))  # noqa: S704
    return Markup("\n").join(lines)
