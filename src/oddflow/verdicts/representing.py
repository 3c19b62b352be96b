"""What a sealed model looks at: flows as they are, or flows as their worst packets."""

from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.packet_columns import VERSION
from oddflow.features.representation import Representation
from oddflow.features.tabular import Tabular, kind_of
from oddflow.models.sealed import SealedModel


def representation_of(model: SealedModel, homes: HomeNetworks, max_flows: int) -> Representation:
    """A fresh representation for a model's features; `max_flows` is the most that the meter has open.

    Raises:
        SchemaMismatch: The model learnt features that this version does not know.
    """
    manifest = model.manifest
    if manifest.feature_schema_version == VERSION:
        # its kernels take a moment to load, and most models need none
        from oddflow.features.worst import WorstPacketRows  # noqa: PLC0415

        return WorstPacketRows(model.scores, max_flows)
    return Tabular.of(homes, ContextSettings.of(manifest.context), kind_of(manifest.feature_schema_version))
