"""IP protocols by the names that tools write, one table for all of them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_TABLE = """
hopopt icmp igmp ggp ipv4 st tcp cbt egp igp bbn-rcc-mon nvp-ii pup argus emcon xnet chaos udp mux dcn-meas hmp prm
xns-idp trunk-1 trunk-2 leaf-1 leaf-2 rdp irtp iso-tp4 netblt mfe-nsp merit-inp dccp 3pc idpr xtp ddp idpr-cmtp tp++ il
ipv6 sdrp ipv6-route ipv6-frag idrp rsvp gre dsr bna esp ah i-nlsp swipe narp mobile tlsp skip ipv6-icmp ipv6-nonxt
ipv6-opts any-host cftp any-network sat-expak kryptolan rvd ippc any-file sat-mon visa ipcv cpnx cphb wsn pvp
br-sat-mon sun-nd wb-mon wb-expak iso-ip vmtp secure-vmtp vines ttp nsfnet-igp dgp tcf eigrp ospfigp sprite-rpc larp
mtp ax.25 ipip micp scc-sp etherip encap any-encryption gmtp ifmp pnni pim aris scps qnx a/n ipcomp snp compaq-peer
ipx-in-ip vrrp pgm any-0-hop l2tp ddx iatp stp srp uti smp sm ptp isis fire crtp crudp sscopmce iplt sps pipe sctp fc
rsvp-e2e-ignore mobility-header udplite mpls-in-ip manet shim6 wesp rohc ethernet aggfrag nsh
"""
_IANA = _TABLE.split()
_SHIM6 = _IANA.index("shim6")
_OTHER_NAMES = {
    "ipip": 4,  # as in schema.PROTOCOL_NAMES; the number 94 that IANA gives this name is not met
    # /etc/protocols, Zeek, Suricata, nfdump
    "ip": 0, "ipencap": 4, "ip-encap": 4, "icmp6": 58, "icmpv6": 58, "icmp-v6": 58, "ospf": 89, "ospf-igp": 89,
    "isis over ipv4": 124, "hip": 139, "udp-lite": 136, "mpls": 137, "mobility": 135, "ipv6-hopopt": 0,
    # Argus, which tells some applications of UDP apart
    "ipnip": 4, "rtp": 17, "rtcp": 17, "udt": 17, "etherip": 97,
}  # fmt: skip

NUMBERS: dict[str, int] = {
    **{name: number for number, name in enumerate(_IANA[:_SHIM6])},
    **{name: 140 + place for place, name in enumerate(_IANA[_SHIM6:])},
    **_OTHER_NAMES,
}
"""Lower-case names. Source: IANA, Assigned Internet Protocol Numbers; what it calls "any …" is any-…"""


def protocol_numbers(names: Any) -> pa.Array:
    """The numbers of protocols that are told by name or number, in any case: (n,) uint8, null where none is known.

    >>> protocol_numbers(pa.array(["TCP", "udp", " 47", "IPv6-ICMP", "llc", "256"])).to_pylist()
    [6, 17, 47, 58, None, None]
    """
    coded = pc.dictionary_encode(names.cast(pa.string()))
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    known = pa.array([_number(name.as_py()) for name in coded.dictionary], pa.uint8())
    return known.take(coded.indices)


def _number(name: str) -> int | None:
    name = name.strip().lower()
    if name.isascii() and name.isdecimal() and len(name) <= 3:
        return int(name) if int(name) <= 255 else None
    return NUMBERS.get(name)
