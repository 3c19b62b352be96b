"""A sealed model's manifest for people: lenient, since older and newer models name other parts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oddflow.reports.words import UNKNOWN, count, listed, number

_OWN_PLACE = frozenset({"features", "parts", "provenance", "training", "calibration", "metrics", "ranges", "groups"})
_LOW = ("normal_low", "low", "q001", "min", "minimum")
_HIGH = ("normal_high", "high", "max", "maximum")
_MOST_FACTS = 60
_ACRONYMS = frozenset({"roc", "auc", "pr", "f1", "id", "onnx", "auroc", "fpr", "tpr"})
_UNGROUPED = frozenset({"seed", "version", "year", "port", "id"})

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FeatureView:
    """One feature of the model: its name, unit, scale, meaning and range in the baseline."""

    name: str
    unit: str
    scale: str
    words: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class ManifestView:
    """The manifest as groups of labelled facts, a table of features, and the parts with their hashes."""

    groups: tuple[tuple[str, tuple[Fact, ...]], ...]
    features: tuple[FeatureView, ...]
    parts: tuple[Fact, ...]

    @property
    def units(self) -> dict[str, tuple[str, str]]:
        """Unit and scale of each feature by its name."""
        return {feature.name: (feature.unit, feature.scale) for feature in self.features}


def manifest_view(model: Mapping[str, Any]) -> ManifestView:
    """Whatever a manifest holds, in the order in which people ask."""
    general = {key: value for key, value in model.items() if key not in _OWN_PLACE}
    order = ("detector", "created", "oddflow", "oddflow_version", "version")
    ordered = {key: general[key] for key in (*order, *general) if key in general}
    groups = [("Model", tuple(_facts(ordered)))]
    for title, key in (
        ("Baseline", "provenance"),
        ("Training", "training"),
        ("Calibration", "calibration"),
        ("Metrics", "metrics"),
    ):
        value = model.get(key)
        groups.append((title, tuple(_facts(value if isinstance(value, Mapping) else {key: value}))))
    return ManifestView(
        groups=tuple((title, facts[:_MOST_FACTS]) for title, facts in groups if facts),
        features=tuple(_features(model.get("features"), model.get("ranges"))),
        parts=tuple(_parts(model.get("parts"))),
    )


def model_name(model: Mapping[str, Any]) -> str:
    """What the model is called: its detector's name, or a dash."""
    detector = model.get("detector")
    name = detector.get("name") if isinstance(detector, Mapping) else detector
    return str(name) if name else UNKNOWN


def _facts(mapping: Mapping[str, Any], before: str = "") -> Iterator[Fact]:
    for key, value in mapping.items():
        label = f"{before}{str(key).replace('_', ' ')}"
        if value is None or (isinstance(value, Mapping | list | tuple | str) and not value):
            continue
        if isinstance(value, Mapping) and {"metered", "total"} <= value.keys():
            yield (
                "Metered",
                f"{_value(value['metered'])} of {_value(value['total'])} {value.get('unit', '')}".strip(),
            )
        elif isinstance(value, Mapping):
            yield from _facts(value, f"{label}: ")
        else:
            yield _label(label), str(value) if _UNGROUPED & set(str(key).split("_")) else _value(value)


def _label(words: str) -> str:
    known = " ".join(word.upper() if word in _ACRONYMS else word for word in words.split(" "))
    return known[:1].upper() + known[1:]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(part)}" for key, part in list(value.items())[:8])
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if len(value) > 8 and all(isinstance(item, int | float) for item in value):
            return f"{count(len(value), 'value')}, {_value(value[0])} to {_value(value[-1])}"
        return listed([_value(item) for item in value])
    return str(value)


def _features(given: object, ranges: object) -> Iterator[FeatureView]:
    """Features with what is normal for each: in the item itself, or at its place in `ranges`."""
    beside = ranges if isinstance(ranges, list | tuple) else ()
    for place, item in enumerate(given if isinstance(given, list | tuple) else ()):
        if isinstance(item, Mapping):
            found = beside[place] if place < len(beside) else None
            low, high = _range({**item, **found} if isinstance(found, Mapping) else item)
            texts = [str(item.get(key) or "") for key in ("name", "unit", "scale", "words")]
        elif isinstance(item, list | tuple):
            low = high = UNKNOWN
            texts = [str(text or "") for text in [*item, "", "", "", ""][:4]]
        else:
            low = high = UNKNOWN
            texts = [str(item), "", "", ""]
        words = texts[3].replace("{value}", "…").replace("{window}", "a window")
        yield FeatureView(name=texts[0], unit=texts[1], scale=texts[2], words=words, low=low, high=high)


def _range(item: Mapping[str, Any]) -> tuple[str, str]:
    pair = item.get("range")
    if isinstance(pair, list | tuple) and len(pair) == 2:
        return _bound(pair[0]), _bound(pair[1])
    return (
        _bound(next((item[key] for key in _LOW if key in item), None)),
        _bound(next((item[key] for key in _HIGH if key in item), None)),
    )


def _bound(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return number(float(value))
    return UNKNOWN


def _parts(given: object) -> Iterator[Fact]:
    if isinstance(given, Mapping):
        for name, part in given.items():
            known = part.get("sha256", part) if isinstance(part, Mapping) else part
            yield str(name), _value(known)
    elif isinstance(given, list | tuple):
        for part in given:
            if isinstance(part, Mapping):
                yield str(part.get("name", UNKNOWN)), str(part.get("sha256", UNKNOWN))
            else:
                yield UNKNOWN, _value(part)
