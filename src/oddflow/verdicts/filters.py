"""The Wireshark display filter that shows a flow's packets."""

from oddflow.schema import protocol_name


def wireshark_filter(src_ip: str, src_port: int, dst_ip: str, dst_port: int, protocol: int) -> str:
    """A display filter for both directions of a flow.

    >>> wireshark_filter("10.0.0.1", 4711, "10.0.0.2", 22, 6)
    'ip.addr == 10.0.0.1 && ip.addr == 10.0.0.2 && tcp.port == 4711 && tcp.port == 22'
    """
    field = "ipv6.addr" if ":" in src_ip else "ip.addr"
    hosts = f"{field} == {src_ip} && {field} == {dst_ip}"
    name = protocol_name(protocol)
    if name in ("tcp", "udp", "sctp", "udplite"):
        return f"{hosts} && {name}.port == {src_port} && {name}.port == {dst_port}"
    if name in ("icmp", "icmp6"):
        return f"{hosts} && {'icmpv6' if name == 'icmp6' else name}"
    return f"{hosts} && {'ipv6.nxt' if ':' in src_ip else 'ip.proto'} == {protocol}"
