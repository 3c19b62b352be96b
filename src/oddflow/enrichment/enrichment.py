"""All that is known of a flow's ends, put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from oddflow.enrichment.geoip import Countries
from oddflow.enrichment.indicators import Indicators
from oddflow.enrichment.seen_names import SeenNames
from oddflow.errors import UsageError

SAID = ("dns_query", "tls_sni", "http_host")
"""Columns in which a flow names whom it wants."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What is known of a flow's ends; empty where nothing is."""

    src_name: str = ""
    dst_name: str = ""
    src_country: str = ""
    dst_country: str = ""
    intelligence: tuple[str, ...] = ()


NOTHING = Ends()


@dataclass(slots=True)
class Enrichment:
    """Looks at all flows as they pass, for names, and at those that become alerts.

    Attributes:
        indicators: Threat intelligence, where there is any.
        countries: A GeoIP database, where there is one.
        names: What was seen of DNS and DHCP.
    """

    indicators: Indicators | None = None
    countries: Countries | None = None
    names: SeenNames = field(default_factory=SeenNames)

    @classmethod
    def of(cls, intelligence: str | Sequence[str] | None, geoip: str | None, *, is_pseudonymised: bool) -> "Enrichment":
        """As a person asks for it.

        Raises:
            UsageError: Addresses are asked for that pseudonyms hide.
            InputError: A list or the database cannot be read.
        """
        if is_pseudonymised and (intelligence or geoip):
            raise UsageError(
                "--intelligence and --geoip look addresses up, and --pseudonymise hides them; leave one of them out"
            )
        indicators = Indicators() if intelligence else None
        for folder in [intelligence] if isinstance(intelligence, str) else intelligence or ():
            assert indicators is not None  # noqa: S101  (there is a folder)
            indicators.add_folder(folder)
        return cls(
            indicators,
            Countries(geoip) if geoip else None,
        )

    def observe(self, flows: pa.RecordBatch) -> None:
        """Learns the names in a batch of flows."""
        self.names.observe(flows)

    def ends(self, flow: dict[str, Any]) -> Ends:
        """What is known of the ends of one flow of the flow table."""
        src, dst = flow["src_ip"], flow["dst_ip"]
        src_name, dst_name = self.names.name_of(src), self.names.name_of(dst, asker=src)
        of = self.countries.of if self.countries else lambda _: ""
        return Ends(src_name, dst_name, of(src), of(dst), self._listed(flow, (src_name, dst_name)))

    def remarks(self) -> list[str]:
        """What the reader must know of what was read."""
        return self.indicators.remarks() if self.indicators else []

    def _listed(self, flow: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
        known = self.indicators
        if known is None:
            return ()
        found = [(address, known.of_address(address)) for address in (flow["src_ip"], flow["dst_ip"])]
        said = dict.fromkeys(name for name in (*names, *(flow.get(column) or "" for column in SAID)) if name)
        for name in said:
            host = name.rsplit(":", 1)[0] if name.count(":") == 1 else name
            found.append((host, known.of_name(host) or known.of_address(host)))
        if flow.get("ja4"):
            found.append((flow["ja4"], known.of_ja4(flow["ja4"])))
        return tuple(dict.fromkeys(entry.told(named) for named, entry in found if entry))
