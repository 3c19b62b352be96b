"""How flows must be read and seen so that a model can judge them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oddflow.errors import SchemaMismatch
from oddflow.features.context import ContextSettings
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.packet_columns import VERSION
from oddflow.features.representation import Representation
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import Privacy
from oddflow.models.kinds import kind_for
from oddflow.models.manifest import Manifest
from oddflow.models.sealed import SealedModel


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a model's manifest asks for, under what may be told of the flows.

    Attributes:
        homes: Home networks, as the flows show them.
        context: How far back context looks.
        kind: Of features; None where they are those of packets.
        settings: How flows are cut.
        privacy: What may be told of them.
    """

    homes: HomeNetworks
    context: ContextSettings
    kind: Kind | None
    settings: MeterSettings
    privacy: Privacy

    @classmethod
    def of(cls, manifest: Manifest, privacy: Privacy, home_networks: Sequence[str] | None = None) -> "Prepared":
        """For one model; home networks are the model's unless given as they are without pseudonyms.

        Raises:
            SchemaMismatch: The model looks into payload, and none is kept; or this version does not know its features.
            UsageError: A home network is wrong.
        """
        has_flows = manifest.feature_schema_version != VERSION
        kind, settings = kind_for(manifest) if has_flows else None, MeterSettings.of(manifest.meter)
        if settings.payload is Payload.NONE:
            privacy = replace(privacy, keeps_payload=False)
        if not privacy.keeps_payload and kind is not None and "payload" in kind.needed:
            raise SchemaMismatch(
                "the model looks at payload, and --no-payload keeps none; learn one with `oddflow learn --no-payload`"
            )
        if home_networks or not manifest.pseudonyms:
            homes = privacy.networks(tuple(home_networks or manifest.home_networks or PRIVATE))
        else:
            homes = tuple(manifest.home_networks)
        context = ContextSettings.of(manifest.context) if has_flows else ContextSettings()
        return cls(HomeNetworks(homes), context, kind, privacy.settings(settings), privacy)

    def representation(self, model: SealedModel, max_flows: int | None = None) -> Representation:
        """A fresh representation, without a memory yet; `max_flows` is the most that the meter has open, if other."""
        if self.kind is not None:
            return Tabular.of(self.homes, self.context, self.kind)
        # its kernels take a moment to load, and most models need none
        from oddflow.features.worst import WorstPacketRows  # noqa: PLC0415

        return WorstPacketRows(model.scores, max_flows or self.settings.max_flows)
