"""What a source's flows may tell: whether their bytes are kept, and under which names hosts appear."""

from dataclasses import dataclass, replace
from typing import Self

import pyarrow as pa

from oddflow.errors import UsageError
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.pseudonyms import Pseudonyms

BYTES = ("payload", "reverse_payload")


@dataclass(frozen=True, slots=True)
class Privacy:
    """Applied to each flow batch as it is read, whatever it is read from.

    Attributes:
        keeps_payload: Whether flows carry the first bytes of what was said. Their length and entropy, and the names
            that were read in them, are no bytes and stay.
        pseudonyms: What hosts, names and identifiers are mapped by; as they are where there is None.
    """

    keeps_payload: bool = True
    pseudonyms: Pseudonyms | None = None

    @classmethod
    def of(cls, *, payload: bool = True, key: str | None = None) -> Self:
        """As a person asks for it: without payload, with the pseudonyms of a key file."""
        return cls(payload, Pseudonyms.read(key) if key is not None else None)

    @property
    def fingerprint(self) -> str:
        """Of the key; "" without one."""
        return self.pseudonyms.fingerprint if self.pseudonyms else ""

    @property
    def shows_payload(self) -> bool:
        """Whether bytes may stand in what is written: under pseudonyms they would tell the names."""
        return self.keeps_payload and self.pseudonyms is None

    def shown_only(self) -> Self:
        """The same for flows that are written as they come, with no features to be computed first."""
        return replace(self, keeps_payload=self.shows_payload)

    def settings(self, settings: MeterSettings) -> MeterSettings:
        """How flows are cut: without payload where none is kept, so that it is not even in memory."""
        return settings if self.keeps_payload else replace(settings, payload=Payload.NONE)

    def apply(self, flows: pa.RecordBatch, already: str = "") -> pa.RecordBatch:
        """Flows as they may be told; those that are under the key's pseudonyms `already` keep them."""
        if not self.keeps_payload:
            for name in BYTES:
                place = flows.schema.get_field_index(name)
                flows = flows.set_column(place, flows.schema.field(place), pa.nulls(flows.num_rows, pa.binary()))
        return self.pseudonyms.apply(flows) if self.pseudonyms and not already else flows

    def name(self, source: str) -> str:
        """What a source is called in what is written."""
        return self.pseudonyms.token(source) if self.pseudonyms else source

    def networks(self, networks: tuple[str, ...]) -> tuple[str, ...]:
        """Home networks as the flows show them."""
        return self.pseudonyms.networks(networks) if self.pseudonyms else networks

    def check_table(self, fingerprint: str, name: str) -> None:
        """Refuses a table under the pseudonyms of another key.

        Raises:
            UsageError: Pseudonyms of pseudonyms would be taken for addresses.
        """
        if fingerprint and self.pseudonyms and fingerprint != self.fingerprint:
            raise UsageError(
                f"{name} holds pseudonyms of the key {fingerprint}, and the key given is {self.fingerprint}; "
                "give that key, or leave --pseudonymise out"
            )


OPEN = Privacy()
"""Everything as it is."""
