"""Looks names up by port."""

from oddflow.jit import kernel

UNNAMED = -1
TCP, UDP, SCTP = 6, 17, 132


@kernel("void(u1[::1], u2[::1], u2[::1], i2[::1], i2[::1], i2[::1])")
def number_ports(protocols, src_ports, dst_ports, streams, datagrams, numbers):
    """The name's number of the responder's port, else of the initiator's, else UNNAMED, of n flows."""
    for i in range(protocols.shape[0]):
        protocol = protocols[i]
        numbers[i] = UNNAMED
        if dst_ports[i] == 0 or protocol not in (TCP, UDP, SCTP):
            continue
        table = datagrams if protocol == UDP else streams
        numbers[i] = table[dst_ports[i]]
        if numbers[i] == UNNAMED:
            numbers[i] = table[src_ports[i]]
