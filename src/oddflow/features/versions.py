"""From a version that a model names to the representation it learnt."""

from collections.abc import Mapping, Sequence
from typing import Any

from oddflow.errors import SchemaMismatch
from oddflow.features import image, rates, sequence
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.representation import Reads, Representation
from oddflow.features.tabular import KINDS, Tabular
from oddflow.features.windows import WINDOWED, WindowedTabular
from oddflow.flows.settings import Payload

OTHERS = {
    rates.VERSION: (Reads.RATES, ("forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes")),
    image.VERSION: (Reads.IMAGE, ("payload",)),
    sequence.VERSION: (Reads.SEQUENCE, ("lengths", "gaps_us")),
}
"""What is not tabular: what of a flow it shows, and the columns that it needs."""


def check_version(version: str) -> None:
    """Raises SchemaMismatch where this version of Oddflow does not know the representation."""
    versions = [*KINDS, *WINDOWED, *OTHERS]
    if version not in versions:
        known = ", ".join(versions)
        raise SchemaMismatch(
            f"the model was learnt on features {version!r}, and this version of Oddflow knows {known}; learn it anew"
        )


def needed_by(version: str) -> tuple[str, ...]:
    """Columns of the flow table that a source must know; raises SchemaMismatch for an unknown version."""
    check_version(version)
    kind = (KINDS | WINDOWED).get(version)
    return kind.needed if kind else OTHERS[version][1]


def reads_of(version: str) -> Reads:
    """What of a flow a representation shows; rows of data sets are tabular."""
    return OTHERS[version][0] if version in OTHERS else Reads.TABULAR


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
    if version == rates.VERSION:
        return rates.Rates()
    if version in WINDOWED:
        return WindowedTabular.of(version, HomeNetworks(homes), context)
    settings = context if isinstance(context, ContextSettings) else ContextSettings.of(context)
    return Tabular.of(HomeNetworks(homes), settings, KINDS[version])
