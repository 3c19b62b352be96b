"""From a version that a model names to the representation it learnt."""

from collections.abc import Mapping, Sequence
from typing import Any

from oddflow.errors import SchemaMismatch
from oddflow.features import image, sequence, traffic_matrix
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.features.representation import Reads, Representation
from oddflow.features.tabular import KINDS, Tabular
from oddflow.flows.settings import Payload


def check_version(version: str) -> None:
    """Raises SchemaMismatch where this version of Oddflow does not know the representation."""
    known_versions = (*KINDS, image.VERSION, sequence.VERSION, traffic_matrix.VERSION)
    if version not in known_versions:
        known = ", ".join(known_versions)
        raise SchemaMismatch(
            f"the model was learnt on features {version!r}, and this version of Oddflow knows {known}; learn it anew"
        )


def needed_by(version: str) -> tuple[str, ...]:
    """Columns of the flow table that a source must know; raises SchemaMismatch for an unknown version."""
    check_version(version)
    if version in KINDS:
        return KINDS[version].needed
    return {image.VERSION: ("payload",), sequence.VERSION: ("lengths", "gaps_us")}.get(version, ())


def reads_of(version: str) -> Reads:
    """What of a flow a representation shows; rows of data sets are tabular."""
    kinds = {image.VERSION: Reads.IMAGE, sequence.VERSION: Reads.SEQUENCE, traffic_matrix.VERSION: Reads.MATRIX}
    return kinds.get(version, Reads.TABULAR)


def represented(
    version: str,
    *,
    homes: Sequence[str],
    context: Mapping[str, Any] | ContextSettings | MatrixSettings,
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
        UsageError: The settings are none.
    """
    check_version(version)
    if version == image.VERSION:
        return image.Image(payload)
    if version == sequence.VERSION:
        return sequence.Sequence()
    if version == traffic_matrix.VERSION:
        return traffic_matrix.TrafficMatrix(MatrixSettings.of(_plain(context)))
    settings = ContextSettings.of(_plain(context))
    return Tabular.of(HomeNetworks(homes), settings, KINDS[version])


def _plain(settings: Mapping[str, Any] | ContextSettings | MatrixSettings) -> Mapping[str, Any]:
    return settings.as_dict() if isinstance(settings, ContextSettings | MatrixSettings) else settings
