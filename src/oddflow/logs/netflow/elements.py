"""The information elements that are read; every other is skipped by its length."""

from dataclasses import dataclass
from enum import StrEnum, auto

REVERSE = 29305
"""The enterprise number under which an element tells of the other direction (RFC 5103 section 6.1)."""

LARGEST_NUMBER = 8


class Kind(StrEnum):
    """How the bytes of an element are read (RFC 7011 section 6.1)."""

    NUMBER = auto()
    IPV4 = auto()
    IPV6 = auto()
    MAC = auto()
    NTP_TIME = auto()
    TEXT = auto()

    def fits(self, length: int) -> bool:
        """Whether it may have so many bytes; numbers may come in fewer than they have by nature (section 6.2)."""
        lengths = {Kind.IPV4: 4, Kind.IPV6: 16, Kind.MAC: 6, Kind.NTP_TIME: 8}
        if self is Kind.NUMBER:
            return 1 <= length <= LARGEST_NUMBER
        return length > 0 if self is Kind.TEXT else length == lengths[self]


@dataclass(frozen=True, slots=True)
class Element:
    """One information element, by the name that IANA's registry gives it."""

    name: str
    kind: Kind


_NUMBERS = {
    1: "octetDeltaCount", 2: "packetDeltaCount", 4: "protocolIdentifier", 6: "tcpControlBits",
    7: "sourceTransportPort", 11: "destinationTransportPort", 21: "flowEndSysUpTime", 22: "flowStartSysUpTime",
    23: "postOctetDeltaCount", 24: "postPacketDeltaCount", 25: "minimumIpTotalLength", 26: "maximumIpTotalLength",
    32: "icmpTypeCodeIPv4", 34: "samplingInterval", 48: "samplerId", 50: "samplerRandomInterval",
    52: "minimumTTL", 53: "maximumTTL", 58: "vlanId", 60: "ipVersion", 85: "octetTotalCount", 86: "packetTotalCount",
    136: "flowEndReason", 139: "icmpTypeCodeIPv6", 148: "flowId", 150: "flowStartSeconds", 151: "flowEndSeconds",
    152: "flowStartMilliseconds", 153: "flowEndMilliseconds", 158: "flowStartDeltaMicroseconds",
    159: "flowEndDeltaMicroseconds", 160: "systemInitTimeMilliseconds", 161: "flowDurationMilliseconds",
    162: "flowDurationMicroseconds", 176: "icmpTypeIPv4", 177: "icmpCodeIPv4", 178: "icmpTypeIPv6",
    179: "icmpCodeIPv6", 180: "udpSourcePort", 181: "udpDestinationPort", 182: "tcpSourcePort",
    183: "tcpDestinationPort", 218: "tcpSynTotalCount", 219: "tcpFinTotalCount", 220: "tcpRstTotalCount",
    221: "tcpPshTotalCount", 222: "tcpAckTotalCount", 223: "tcpUrgTotalCount", 230: "natEvent",
    231: "initiatorOctets", 232: "responderOctets", 233: "firewallEvent", 239: "biflowDirection", 243: "dot1qVlanId",
    298: "initiatorPackets", 299: "responderPackets", 302: "selectorId", 305: "samplingPacketInterval",
    306: "samplingPacketSpace", 309: "samplingSize", 310: "samplingPopulation", 322: "observationTimeSeconds",
    323: "observationTimeMilliseconds",
}  # fmt: skip
_OTHERS = {
    8: Element("sourceIPv4Address", Kind.IPV4), 12: Element("destinationIPv4Address", Kind.IPV4),
    27: Element("sourceIPv6Address", Kind.IPV6), 28: Element("destinationIPv6Address", Kind.IPV6),
    56: Element("sourceMacAddress", Kind.MAC), 80: Element("destinationMacAddress", Kind.MAC),
    57: Element("postDestinationMacAddress", Kind.MAC), 81: Element("postSourceMacAddress", Kind.MAC),
    96: Element("applicationName", Kind.TEXT),
    154: Element("flowStartMicroseconds", Kind.NTP_TIME), 155: Element("flowEndMicroseconds", Kind.NTP_TIME),
    156: Element("flowStartNanoseconds", Kind.NTP_TIME), 157: Element("flowEndNanoseconds", Kind.NTP_TIME),
}  # fmt: skip
_REVERSED = (
    1, 2, 6, 21, 22, 25, 26, 52, 53, 85, 86, 150, 151, 152, 153, 154, 155, 156, 157, 218, 219, 220, 221, 222, 223,
)  # fmt: skip


def _elements() -> dict[tuple[int, int], Element]:
    own = {number: Element(name, Kind.NUMBER) for number, name in _NUMBERS.items()} | _OTHERS
    found = {(0, number): element for number, element in own.items()}
    for number in _REVERSED:
        element = own[number]
        found[REVERSE, number] = Element(f"reverse{element.name[0].upper()}{element.name[1:]}", element.kind)
    return found


ELEMENTS = _elements()
"""By enterprise and number; source: IANA, "IP Flow Information Export (IPFIX) Entities"."""
