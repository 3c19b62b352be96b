"""Home networks: which addresses are ours; direction, role and context depend on them."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10")
"""The private, link-local and loopback ranges (RFC 1918, RFC 4193, RFC 4291)."""

INSIDE, OUTWARD, INWARD, OUTSIDE = 0, 1, 2, 3
ROLES = {INSIDE: "within the home networks", OUTWARD: "out of them", INWARD: "into them", OUTSIDE: "beside them"}


class HomeNetworks:
    """Tells addresses of ours from others.

    >>> HomeNetworks(["10.1.0.0/16"]).contains("10.1.2.3")
    True
    """

    def __init__(self, networks: Sequence[str] = PRIVATE) -> None:
        try:
            self._networks = [ip_network(text, strict=False) for text in networks]
        except ValueError as error:
            raise UsageError(f"a home network is wrong: {error}; expected one like 10.0.0.0/8") from None
        self.networks = tuple(networks)
        self.contains = lru_cache(maxsize=65_536)(self._contains)

    def _contains(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._networks if network.version == ip.version)

    def roles(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """INSIDE, OUTWARD, INWARD or OUTSIDE for each flow, (n,)."""
        return 2 * ~self._mask(batch, "src_ip") + ~self._mask(batch, "dst_ip") * np.int64(1)

    def _mask(self, batch: pa.RecordBatch, name: str) -> NDArray[np.bool_]:
        encoded = batch.column(name).dictionary_encode()
        known = np.array([self.contains(address) for address in encoded.dictionary.to_pylist()], bool)
        return np.asarray(known[encoded.indices.to_numpy(zero_copy_only=False)])
