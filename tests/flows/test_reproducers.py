"""What comparison with other tools found, as small as it gets."""

from tests.capture.build import ether, ipv4, tcp, udp
from tests.flows.twin import metered

from oddflow.flows.settings import MeterSettings

CLIENT, SERVER = "10.0.0.9", "10.0.0.1"
ONE_MAC, OTHER_MAC = "02:00:00:00:00:00", "02:00:00:00:00:01"


def row_of(frames):
    (row,), _ = metered([(time_ns, ether(packet)) for time_ns, packet in frames], MeterSettings(), link_type=1)
    return row


def test_ethernet_addresses_go_with_the_initiator_where_its_answer_came_first():
    """`ether` sends from ...:01 to ...:00; the SYN with ACK is the server's, so ...:01 is the responder's side."""
    row = row_of([(0, ipv4(tcp(b"", 80, 4000, 0x12), 6, src=SERVER, dst=CLIENT))])
    assert (row["src_ip"], row["src_mac"], row["dst_mac"]) == (CLIENT, ONE_MAC, OTHER_MAC)


def test_ethernet_addresses_go_with_the_initiator_where_ports_tell_it():
    row = row_of([(0, ipv4(tcp(b"", 80, 4000, 0x10), 6, src=SERVER, dst=CLIENT))])
    assert (row["src_ip"], row["src_mac"], row["dst_mac"]) == (CLIENT, ONE_MAC, OTHER_MAC)


def test_a_bulk_lasts_from_its_first_packet_to_its_last():
    """Six packets 1.9 µs apart: 9.5 µs, not 5.7 and twice 1.9, each rounded down."""
    row = row_of([(number * 1900, ipv4(udp(b"x", 1000, 53), 17, src=CLIENT, dst=SERVER)) for number in range(6)])
    assert (row["forward_bulks"], row["forward_bulk_packets"], row["forward_bulk_duration_us"]) == (1, 6, 9)
