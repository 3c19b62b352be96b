"""What link types, and frames that carry no IP, are called in the ledger."""

from oddflow.capture import _kind_kernels as link
from oddflow.capture import _radio_kernels as radio

LINK_TYPE_NAMES = {
    -1: "of an interface that was never declared", 0: "0 (BSD loopback)", 1: "1 (Ethernet)", 3: "3 (AX.25)",
    6: "6 (token ring)", 7: "7 (ARCNET)", 8: "8 (SLIP)", 9: "9 (PPP)", 10: "10 (FDDI)", 50: "50 (PPP over HDLC)",
    51: "51 (PPPoE)", 99: "99 (Symantec firewall)", 100: "100 (ATM, RFC 1483)", 104: "104 (Cisco HDLC)",
    105: "105 (802.11)", 106: "106 (Linux classical IP over ATM)", 107: "107 (frame relay)",
    108: "108 (OpenBSD loopback)", 109: "109 (OpenBSD encapsulating interface)", 114: "114 (LocalTalk)",
    117: "117 (OpenBSD packet filter log)", 119: "119 (802.11 with Prism header)", 122: "122 (IP over Fibre Channel)",
    123: "123 (SunATM)", 127: "127 (802.11 with radiotap)", 129: "129 (ARCNET of Linux)",
    130: "130 (Juniper MLPPP)", 131: "131 (Juniper MLFR)", 132: "132 (Juniper encryption services)",
    133: "133 (Juniper GGSN)", 134: "134 (Juniper MFR)", 135: "135 (Juniper ATM2)", 136: "136 (Juniper services)",
    137: "137 (Juniper ATM1)", 138: "138 (IP over IEEE 1394)", 139: "139 (SS7 MTP2 with header)",
    140: "140 (SS7 MTP2)", 141: "141 (SS7 MTP3)", 142: "142 (SS7 SCCP)", 143: "143 (DOCSIS)",
    144: "144 (Linux IrDA)", 147: "147 (user 0)", 148: "148 (user 1)", 149: "149 (user 2)", 150: "150 (user 3)",
    151: "151 (user 4)", 152: "152 (user 5)", 153: "153 (user 6)", 154: "154 (user 7)", 155: "155 (user 8)",
    156: "156 (user 9)", 157: "157 (user 10)", 158: "158 (user 11)", 159: "159 (user 12)", 160: "160 (user 13)",
    161: "161 (user 14)", 162: "162 (user 15)", 163: "163 (802.11 with AVS header)",
    165: "165 (BACnet MS/TP)", 166: "166 (PPP of pppd)", 169: "169 (GPRS LLC)", 177: "177 (Linux LAPD)",
    178: "178 (Juniper Ethernet)", 179: "179 (Juniper PPP)", 180: "180 (Juniper frame relay)",
    181: "181 (Juniper Cisco HDLC)", 187: "187 (Bluetooth HCI)", 189: "189 (USB of Linux)", 190: "190 (CAN)",
    192: "192 (PPI)", 195: "195 (802.15.4)", 196: "196 (SITA)", 197: "197 (Endace ERF)",
    201: "201 (Bluetooth HCI with direction)", 202: "202 (AX.25 KISS)", 203: "203 (LAPD)",
    204: "204 (PPP with direction)", 205: "205 (Cisco HDLC with direction)",
    206: "206 (frame relay with direction)", 209: "209 (IPMB of Linux)", 215: "215 (802.15.4 without PHY)",
    220: "220 (USB of Linux, mapped)", 224: "224 (Fibre Channel)", 225: "225 (Fibre Channel with delimiters)",
    226: "226 (Solaris IPNET)", 227: "227 (SocketCAN)", 230: "230 (802.15.4 without check sequence)",
    231: "231 (D-Bus)", 235: "235 (DVB-CI)", 236: "236 (MUX27010)", 237: "237 (STANAG 5066)", 239: "239 (NFLOG)",
    240: "240 (netANALYZER)", 242: "242 (IP over InfiniBand)", 243: "243 (MPEG-2 TS)", 245: "245 (NFC LLCP)",
    247: "247 (InfiniBand)", 248: "248 (SCTP)", 249: "249 (USBPcap)", 250: "250 (Schweitzer RTAC serial)",
    251: "251 (Bluetooth low energy)", 252: "252 (Wireshark upper PDU)", 253: "253 (netlink)",
    254: "254 (Bluetooth monitor)", 256: "256 (Bluetooth low energy with PHY)", 258: "258 (Apple PKTAP)",
    259: "259 (EPON)", 264: "264 (ISO 14443)", 265: "265 (RDS)", 266: "266 (USB of macOS)", 268: "268 (SDLC)",
    271: "271 (vsock)", 272: "272 (Nordic Bluetooth low energy)", 273: "273 (DOCSIS, Excentis)",
    274: "274 (Ethernet with preamble)", 275: "275 (DPAUX)", 278: "278 (OpenVizsla USB)",
    279: "279 (Elektrobit EBHSCR)", 280: "280 (VPP dispatch)", 281: "281 (Broadcom switch tag)",
    282: "282 (Broadcom switch tag, prepended)", 283: "283 (802.15.4 TAP)", 285: "285 (Marvell switch tag)",
    288: "288 (USB 2)", 289: "289 (ATSC ALP)",
}  # fmt: skip
"""By number (https://www.tcpdump.org/linktypes.html)."""

KIND_NAMES = {
    link.KIND_NONE: "unknown content", link.KIND_PPP_CONTROL: "PPP control", link.KIND_PPP_OTHER: "PPP, not of IP",
    link.KIND_SLARP: "SLARP", link.KIND_MPLS_CHANNEL: "MPLS associated channel",
    link.KIND_VENDOR: "SNAP of a vendor", link.KIND_NO_PAYLOAD: "NFLOG without a packet",
    link.KIND_UNKNOWN_LINK: "a link type not read, within another",
    radio.KIND_WIFI_MANAGEMENT: "802.11 management", radio.KIND_WIFI_CONTROL: "802.11 control",
    radio.KIND_WIFI_NO_DATA: "802.11 without data", radio.KIND_WIFI_ENCRYPTED: "802.11 encrypted",
    radio.KIND_WIFI_FRAGMENT: "802.11 fragment",
    link.SPANNING_TREE: "spanning tree", link.OSI: "OSI (IS-IS, ES-IS, CLNP)", link.NOVELL: "IPX",
    link.KIND_SAP + 0xE0: "IPX", link.KIND_SAP + 0xF0: "NetBIOS", link.KIND_SAP: "802.2 null",
    0x0842: "Wake-on-LAN", 0x2000: "CDP", 0x2003: "VTP", 0x2004: "DTP", 0x22F0: "AVTP",
    0x22F3: "TRILL", 0x22EA: "stream reservation", 0x6002: "MOP", 0x6003: "DECnet", 0x6558: "bridged Ethernet",
    0x809B: "AppleTalk", 0x80F3: "AppleTalk ARP", 0x8137: "IPX", 0x8204: "QNX", 0x8808: "Ethernet flow control",
    0x8809: "slow protocols (LACP, OAM)", link.PPPOE_DISCOVERY: "PPPoE discovery",
    0x887B: "HomePlug", 0x888E: "EAPOL", 0x8892: "PROFINET", 0x8899: "Realtek", 0x889A: "HyperSCSI",
    0x88A2: "ATA over Ethernet", 0x88A4: "EtherCAT", 0x88AB: "POWERLINK", 0x88B5: "local experiment 1",
    0x88B6: "local experiment 2", 0x88B8: "GOOSE", 0x88B9: "GSE management", 0x88BA: "sampled values",
    0x88BF: "RoMON", 0x88C7: "802.11 preauthentication", 0x88CA: "TIPC", 0x88CC: "LLDP", 0x88CD: "SERCOS III",
    0x88D9: "LLTD", 0x88E1: "HomePlug AV", 0x88E3: "media redundancy", 0x88E5: "MACsec", 0x88F5: "MVRP",
    0x88F6: "MMRP", 0x88F7: "PTP", 0x88F8: "NC-SI", 0x88FB: "parallel redundancy", 0x8902: "connectivity faults",
    0x8906: "FCoE", 0x890D: "802.11 encapsulated", 0x8914: "FCoE initialization", 0x8915: "RoCE",
    0x893A: "1905.1", 0x9000: "loopback test",
}  # fmt: skip
"""By kind (IEEE's list of ether types; Wireshark's)."""


def link_type_name(number: int) -> str:
    """The number with its usual name, where it has one here."""
    return LINK_TYPE_NAMES.get(number, str(number))


def kind_name(kind: int) -> str:
    """What a frame is called that leads to no IP packet."""
    if kind in KIND_NAMES:
        return KIND_NAMES[kind]
    if kind >= 0x0600:
        return f"ether type 0x{kind:04x}"
    if link.KIND_SAP <= kind < link.KIND_SAP + 256:
        return f"802.2 service 0x{kind - link.KIND_SAP:02x}"
    return "a frame that ends early"
