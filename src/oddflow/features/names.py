"""The representation of names: what a flow asks for, character by character."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.features.tokens import tokens
from oddflow.flows.meter import Companion

VERSION = "names-1"
STEPS = 64
"""Characters that are looked at."""
NEEDED = ("dns_query", "tls_sni", "http_host")


class Names:
    """The first 64 characters of the name that a flow asks for, as tokens (`features/tokens.py`); zeros without one.

    The name is that of the first DNS question, or of the server that a TLS, DTLS or QUIC client asks for, or the host
    of the first HTTP request, with the path behind it where the source keeps payload.
    """

    version = VERSION
    companion: Companion | None = None
    has_arp = False
    home_networks: tuple[str, ...] = ()
    features = tuple(
        Feature(f"character_{place:02}", "character", Scale.CATEGORY, f"character {place} of the name is {{value}}")
        for place in range(1, STEPS + 1)
    )
    incomplete = 0
    """None: most flows have no name."""

    def __init__(self) -> None:
        self._flows = 0
        self._named = 0

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """None: each flow is seen by itself."""
        return {}

    def begin(self) -> None:
        """Another source begins."""

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Tokens: shape (n, 64) float32."""
        names = pc.coalesce(batch.column("dns_query"), batch.column("tls_sni"), _addresses(batch))
        self._flows += batch.num_rows
        self._named += batch.num_rows - names.null_count
        return tokens(names, STEPS)

    def remarks(self) -> list[str]:
        """How many flows had a name."""
        return [f"{self._named:,} of {self._flows:,} flows ask for a name; all others score 0"]


def _addresses(batch: pa.RecordBatch) -> pa.Array:
    """Hosts with the path that was asked of them, (n,); null where no host is known."""
    hosts = batch.column("http_host")
    asked = pc.and_(hosts.is_valid(), batch.column("payload").is_valid())
    if not pc.any(asked).as_py():
        return hosts
    paths = np.full(batch.num_rows, "", object)
    paths[asked.to_numpy(zero_copy_only=False)] = [
        _path(head) for head in batch.column("payload").filter(asked).to_pylist()
    ]
    return pc.binary_join_element_wise(hosts, pa.array(paths, pa.string()), "")


def _path(head: bytes) -> str:
    """The path and query of a request line, "" where there is none (RFC 9112, section 3).

    >>> _path(b"GET /a?b=1 HTTP/1.1"), _path(b"no request")
    ('/a?b=1', '')
    """
    parts = head[:2_048].split(b"\r\n", 1)[0].split(b" ")
    is_request = len(parts) >= 2 and parts[0].isalpha() and parts[1].startswith(b"/")
    return parts[1].decode("latin-1") if is_request else ""
