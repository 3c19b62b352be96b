"""Names of addresses, from the DNS and DHCP that passed by: nobody is asked."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from oddflow.enrichment.dhcp import lease_in
from oddflow.enrichment.dns_answers import named_in

UDP = 17
DNS_PORTS, DHCP_PORTS = frozenset({53, 5353, 5355}), frozenset({67, 68})
PORTS = pa.array(sorted(DNS_PORTS | DHCP_PORTS), pa.uint16())
HEADERS_BYTES = {4: 28, 6: 48}
"""Of IP and UDP, without options: a datagram with some is not read."""
MOST_NAMES = 65_536
COLUMNS = ("src_ip", "src_port", "dst_ip", "dst_port", "ip_version", "lengths", "payload", "reverse_payload")


class SeenNames:
    """Remembers which names led to which addresses; those met longest ago are forgotten first.

    A name is what somebody was told: DNS of the host that asked is believed first, then the latest answer to anybody.
    What DHCP gave an address is believed before all, for it is a name of the host itself.

    Args:
        most: Answers remembered, and as many leases; about 300 bytes each.
    """

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._asked: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._told: OrderedDict[str, str] = OrderedDict()
        self._leased: OrderedDict[str, str] = OrderedDict()
        self._of_hardware: OrderedDict[bytes, str] = OrderedDict()
        self._address_of: OrderedDict[bytes, str] = OrderedDict()

    def name_of(self, address: str, asker: str = "") -> str:
        """What an address is called, best by the host that went there; "" where nothing said so."""
        leased = self._leased.get(address)
        return leased or self._asked.get((asker, address)) or self._told.get(address) or ""

    def observe(self, flows: pa.RecordBatch) -> None:
        """Reads the names in a flow batch; its payload may be of both directions together, or apart."""
        rows = pc.and_(
            pc.equal(flows.column("protocol"), UDP),
            pc.or_(pc.is_in(flows.column("src_port"), PORTS), pc.is_in(flows.column("dst_port"), PORTS)),
        )
        rows = pc.and_(rows, pc.is_valid(flows.column("payload")))
        chosen = pa.Table.from_batches([flows.select(list(COLUMNS))]).filter(rows)
        for flow in chosen.to_pylist():
            if {flow["src_port"], flow["dst_port"]} & DHCP_PORTS:
                for message, _ in messages_of(flow):
                    self._add_lease(message)
            else:
                for message, from_initiator in messages_of(flow):
                    self._add_answer(message, flow["dst_ip"] if from_initiator else flow["src_ip"])

    def _add_answer(self, message: bytes, asker: str) -> None:
        for named in named_in(message):
            _remember(self._asked, (asker, named.address), named.name, self._most)
            _remember(self._told, named.address, named.name, self._most)

    def _add_lease(self, message: bytes) -> None:
        """A name comes from the host and an address from the server, in either order: the hardware joins them."""
        lease = lease_in(message)
        if lease is None:
            return
        if lease.name:
            _remember(self._of_hardware, lease.hardware, lease.name, self._most)
        if lease.address:
            _remember(self._address_of, lease.hardware, lease.address, self._most)
            self._leased.pop(lease.address, None)  # another host's, perhaps
        name, address = self._of_hardware.get(lease.hardware), self._address_of.get(lease.hardware)
        if name and address:
            _remember(self._leased, address, name, self._most)


def messages_of(flow: dict[str, Any]) -> Iterator[tuple[bytes, bool]]:
    """The first datagrams of a flow, each with whether the initiator sent it; cut where the kept payload ends."""
    header = HEADERS_BYTES.get(flow["ip_version"] or 0)
    if header is None or flow["lengths"] is None:
        return
    both, apart = flow["payload"] or b"", flow["reverse_payload"]
    at = [0, 0]
    for length in flow["lengths"]:
        if not length:
            return
        is_reverse = length < 0 and apart is not None
        size = abs(length) - header
        if size < 0:
            return
        kept = apart if is_reverse else both
        if at[is_reverse] < len(kept):
            yield kept[at[is_reverse] : at[is_reverse] + size], length > 0
        at[is_reverse] += size


def _remember(names: OrderedDict[Any, str], key: Any, name: str, most: int) -> None:
    names[key] = name
    names.move_to_end(key)
    if len(names) > most:
        names.popitem(last=False)
