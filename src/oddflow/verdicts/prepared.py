"""How flows must be read and seen so that a model can judge them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oddflow.errors import SchemaMismatch
from oddflow.features.context import ContextSettings
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.kind import Kind
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import Privacy
from oddflow.models.kinds import kind_for
from oddflow.models.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a model's manifest asks for, under what may be told of the flows.

    Attributes:
        homes: Home networks, as the flows show them.
        context: How far back context looks.
        kind: Of features.
        settings: How flows are cut.
        privacy: What may be told of them.
    """

    homes: HomeNetworks
    context: ContextSettings
    kind: Kind
    settings: MeterSettings
    privacy: Privacy

    @classmethod
    def of(cls, manifest: Manifest, privacy: Privacy, home_networks: Sequence[str] | None = None) -> "Prepared":
        """For one model; home networks are the model's unless given as they are without pseudonyms.

        Raises:
            SchemaMismatch: The model looks into payload, and none is kept; or this version does not know its features.
            UsageError: A home network is wrong.
        """
        kind, settings = kind_for(manifest), MeterSettings.of(manifest.meter)
        if settings.payload is Payload.NONE:
            privacy = replace(privacy, keeps_payload=False)
        if not privacy.keeps_payload and "payload" in kind.needed:
            raise SchemaMismatch(
                "the model looks at payload, and --no-payload keeps none; learn one with `oddflow learn --no-payload`"
            )
        if home_networks or not manifest.pseudonyms:
            homes = privacy.networks(tuple(home_networks or manifest.home_networks or PRIVATE))
        else:
            homes = tuple(manifest.home_networks)
        context = ContextSettings.of(manifest.context)
        return cls(HomeNetworks(homes), context, kind, privacy.settings(settings), privacy)

    def tabular(self) -> Tabular:
        """A fresh representation, with an empty context."""
        return Tabular.of(self.homes, self.context, self.kind)
