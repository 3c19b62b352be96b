"""From a version that a model names to the representation it learnt."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features import image, names, packet_columns, rates, sequence, several, traffic_matrix
from oddflow.features.context import ContextSettings
from oddflow.features.feature import Feature
from oddflow.features.full import FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads, Representation
from oddflow.features.tabular import KINDS, Tabular
from oddflow.features.windows import WINDOWED, WindowedTabular, Windows
from oddflow.flows.settings import Payload

_TABULAR = KINDS | WINDOWED
_NEEDED = {
    image.VERSION: ("payload",),
    sequence.VERSION: ("lengths", "gaps_us"),
    names.VERSION: names.NEEDED,
    rates.VERSION: rates.NEEDED,
    several.VERSION: (*FULL.needed, "lengths", "gaps_us"),
}
"""Packets are no column: a source has them or not. All sources know what a matrix is drawn of."""
_READS = {
    image.VERSION: Reads.IMAGE,
    sequence.VERSION: Reads.SEQUENCE,
    several.VERSION: Reads.SEVERAL,
    packet_columns.VERSION: Reads.PACKETS,
    traffic_matrix.VERSION: Reads.MATRIX,
    names.VERSION: Reads.NAMES,
    rates.VERSION: Reads.RATES,
}
_TELLING = (
    (several.VERSION, {"service", "length_01", "byte_000"}),
    (sequence.VERSION, {"length_01"}),
    (image.VERSION, {"byte_000"}),
    (packet_columns.VERSION, {"mac_weight_0.2s"}),
    (traffic_matrix.VERSION, {MatrixSettings().features()[0].name}),
    (names.VERSION, {names.Names.features[0].name}),
    (rates.VERSION, {rates.Rates.features[0].name}),
)
"""Columns that only a representation of that version has, those of several views first."""


def check_version(version: str) -> None:
    """Raises SchemaMismatch where this version of Oddflow does not know the representation."""
    if version not in {*_TABULAR, *_READS}:
        known = ", ".join([*_TABULAR, *_READS])
        raise SchemaMismatch(
            f"the model was learnt on features {version!r}, and this version of Oddflow knows {known}; learn it anew"
        )


def needed_by(version: str) -> tuple[str, ...]:
    """Columns of the flow table that a source must know; raises SchemaMismatch for an unknown version."""
    check_version(version)
    return _TABULAR[version].needed if version in _TABULAR else _NEEDED.get(version, ())


def is_portable(version: str) -> bool:
    """Whether all sources know what it shows."""
    return set(needed_by(version)) <= set(PORTABLE.needed)


def reads_of(version: str) -> Reads:
    """What of a flow a representation shows; rows of data sets are tabular."""
    return _READS.get(version, Reads.TABULAR)


def version_that_shows(reads: Reads, kind: Kind = FULL) -> str:
    """The representation that shows this of a flow; of the tabular ones, that kind."""
    return next((version for version, shown in _READS.items() if shown is reads), kind.version)


def version_told_by(features: Iterable[Feature]) -> str:
    """The version whose columns these are; "" where they are of no representation of flows."""
    met = {feature.name for feature in features}
    telling = (
        *_TELLING,
        *((version, {*_own(kind), Windows.features[0].name}) for version, kind in WINDOWED.items()),
        *((version, _own(kind)) for version, kind in KINDS.items()),
    )
    return next((version for version, columns in telling if columns <= met), "")


def _own(kind: Kind) -> set[str]:
    return {feature.name for feature, _ in kind.own}


def represented(
    version: str,
    *,
    homes: Sequence[str],
    context: Mapping[str, Any] | None,
    payload: Payload,
) -> Representation:
    """A fresh representation.

    Args:
        version: Of it.
        homes: Home networks, for those that look at addresses.
        context: How far back it looks, as `Representation.context_settings` tells it; its own kind of settings.
        payload: Which bytes the flows hold, for those that look at bytes.

    Raises:
        SchemaMismatch: This version of Oddflow does not know it.
        UsageError: The settings are none; or it shows packets, which are no part of flows.
    """
    check_version(version)
    if version == packet_columns.VERSION:
        raise UsageError("packets are read along with the meter, and no flow tells of them; give the capture itself")
    if version == image.VERSION:
        return image.Image(payload)
    if version == sequence.VERSION:
        return sequence.Sequence()
    if version == names.VERSION:
        return names.Names()
    if version == rates.VERSION:
        return rates.Rates()
    if version == traffic_matrix.VERSION:
        return traffic_matrix.TrafficMatrix(MatrixSettings() if context is None else MatrixSettings.of(context))
    if version in WINDOWED:
        return WindowedTabular.of(version, HomeNetworks(homes), ContextSettings() if context is None else context)
    settings = ContextSettings() if context is None else ContextSettings.of(context)
    tabular = Tabular.of(HomeNetworks(homes), settings, KINDS.get(version, FULL))
    return several.Several(tabular, image.Image(payload)) if version == several.VERSION else tabular
