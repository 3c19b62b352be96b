"""A course of values as small as a word."""

from collections.abc import Sequence

from markupsafe import Markup

from oddflow.reports.svg import chart, element, layer, steps

HEIGHT = 22.0


def sparkline(values: Sequence[float], label: str) -> Markup:
    """Values as touching bars, the greatest as high as the line; empty where there are none."""
    if not values:
        return Markup("")
    most = max(*values, 1e-9) if len(values) > 1 else max(values[0], 1e-9)
    heights = [max(value, 0) / most * (HEIGHT - 2) for value in values]
    return chart(
        layer(
            element("path", class_="area", d=steps(heights, HEIGHT, closed=True)),
            y=0,
            height=HEIGHT,
            columns=len(heights),
        ),
        element("line", class_="zero", x2="100%", y1=HEIGHT, y2=HEIGHT),
        height=HEIGHT + 1,
        kind="spark",
        label=label,
    )
