"""A feature: a named, unit-bearing column of floats, and the words that tell a person about it."""

from dataclasses import dataclass
from enum import StrEnum


class Scale(StrEnum):
    """How a feature's values are spread, so how a model should see them."""

    LINEAR = "linear"
    LOG = "log"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Feature:
    """What one column of a feature array means.

    Attributes:
        name: Lower-case words joined by underscores, unique in its representation.
        unit: The unit of the raw values: "bytes", "s", "flows", or "" for none.
        scale: LINEAR, LOG (heavy-tailed, ≥ 0), or CATEGORY (whole numbers without order).
        words: A noun phrase with `{value}`: "{value} different ports on one host in {window}".
    """

    name: str
    unit: str
    scale: Scale
    words: str
