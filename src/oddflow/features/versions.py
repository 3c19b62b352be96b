"""From a version that a model names to the representation it learnt."""

from collections.abc import Mapping, Sequence
from typing import Any

from oddflow.errors import SchemaMismatch
from oddflow.features import image, sequence, several
from oddflow.features.context import ContextSettings
from oddflow.features.full import FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.representation import Reads, Representation
from oddflow.features.tabular import KINDS, Tabular
from oddflow.flows.settings import Payload

_NEEDED = {
    image.VERSION: ("payload",),
    sequence.VERSION: ("lengths", "gaps_us"),
    several.VERSION: (*FULL.needed, "lengths", "gaps_us"),
}
_READS = {image.VERSION: Reads.IMAGE, sequence.VERSION: Reads.SEQUENCE, several.VERSION: Reads.SEVERAL}


def check_version(version: str) -> None:
    """Raises SchemaMismatch where this version of Oddflow does not know the representation."""
    if version not in {*KINDS, *_READS}:
        known = ", ".join([*KINDS, *_READS])
        raise SchemaMismatch(
            f"the model was learnt on features {version!r}, and this version of Oddflow knows {known}; learn it anew"
        )


def needed_by(version: str) -> tuple[str, ...]:
    """Columns of the flow table that a source must know; raises SchemaMismatch for an unknown version."""
    check_version(version)
    return KINDS[version].needed if version in KINDS else _NEEDED[version]


def reads_of(version: str) -> Reads:
    """What of a flow a representation shows; rows of data sets are tabular."""
    return _READS.get(version, Reads.TABULAR)


def version_that_shows(reads: Reads, kind: Kind = FULL) -> str:
    """The representation that shows this of a flow; of the tabular ones, that kind."""
    return next((version for version, shown in _READS.items() if shown is reads), kind.version)


def represented(
    version: str, *, homes: Sequence[str], context: Mapping[str, Any] | ContextSettings, payload: Payload
) -> Representation:
    """A fresh representation.

    Args:
        version: Of it.
        homes: Home networks, for those that look at addresses.
        context: How far back it looks, as `Representation.context_settings` tells it.
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
    settings = context if isinstance(context, ContextSettings) else ContextSettings.of(context)
    tabular = Tabular.of(HomeNetworks(homes), settings, KINDS.get(version, FULL))
    return several.Several(tabular, image.Image(payload)) if version == several.VERSION else tabular
