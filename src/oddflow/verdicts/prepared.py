"""How flows must be read and seen so that a model can judge them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oddflow.errors import SchemaMismatch
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.representation import Reads, Representation
from oddflow.features.versions import needed_by, reads_of, represented
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import Privacy
from oddflow.models.kinds import version_for
from oddflow.models.manifest import Manifest
from oddflow.models.sealed import SealedModel


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a model's manifest asks for, under what may be told of the flows.

    Attributes:
        homes: Home networks, as the flows show them.
        context: How far back it looks.
        version: Of the representation.
        settings: How flows are cut.
        privacy: What may be told of them.
    """

    homes: tuple[str, ...]
    context: Mapping[str, Any]
    version: str
    settings: MeterSettings
    privacy: Privacy

    @classmethod
    def of(cls, manifest: Manifest, privacy: Privacy, home_networks: Sequence[str] | None = None) -> "Prepared":
        """For one model; home networks are the model's unless given as they are without pseudonyms.

        Raises:
            SchemaMismatch: The model looks into payload, and none is kept; or this version does not know its features.
            UsageError: A home network is wrong, or the model holds settings that are none.
        """
        version, settings = version_for(manifest), MeterSettings.of(manifest.meter)
        if settings.payload is Payload.NONE:
            privacy = replace(privacy, keeps_payload=False)
        if not privacy.keeps_payload and "payload" in needed_by(version):
            raise SchemaMismatch(
                "the model looks at payload, and --no-payload keeps none; learn one with `oddflow learn --no-payload`"
            )
        if home_networks or not manifest.pseudonyms:
            homes = privacy.networks(tuple(home_networks or manifest.home_networks or PRIVATE))
        else:
            homes = tuple(manifest.home_networks)
        HomeNetworks(homes)  # what is wrong is told before anything is read, here and below
        if reads_of(version) is not Reads.PACKETS:
            represented(version, homes=homes, context=manifest.context, payload=settings.payload)
        return cls(homes, manifest.context, version, privacy.settings(settings), privacy)

    def representation(self, model: SealedModel, max_flows: int | None = None) -> Representation:
        """A fresh one, that has seen no flow; `max_flows` is the most that the meter has open, if other."""
        if reads_of(self.version) is Reads.PACKETS:
            # its kernels take a moment to load, and most models need none
            from oddflow.features.worst import WorstPacketRows  # noqa: PLC0415

            return WorstPacketRows(model.scores, max_flows or self.settings.max_flows)
        return represented(self.version, homes=self.homes, context=self.context, payload=self.settings.payload)
