"""Names by port."""

import pyarrow as pa
import pytest
from tests.flows.naming.build import batch

from oddflow.flows.naming.ports import names_by_port, parse_ports, shipped_ports


@pytest.mark.parametrize(
    ("flow", "name"),
    [
        ({"dst_port": 443}, "https"), ({"dst_port": 443, "protocol": 17}, "quic"), ({"dst_port": 123}, None),
        ({"dst_port": 123, "protocol": 17}, "ntp"), ({"dst_port": 50123, "src_port": 22}, "ssh"),
        ({"dst_port": 53, "src_port": 443}, "dns"), ({"dst_port": 60001, "src_port": 60000}, None),
        ({"dst_port": 0, "src_port": 0, "protocol": 1}, None), ({"dst_port": 22, "protocol": 132}, "ssh"),
    ],
)  # fmt: skip
def test_the_responders_port_names_the_flow_else_the_initiators(flow, name):
    assert names_by_port(batch([flow])).to_pylist() == [name]


def test_names_are_dictionary_encoded():
    found = names_by_port(batch([{"dst_port": port} for port in (22, 80, 22, 1)]))
    assert found.type == pa.dictionary(pa.int16(), pa.string())
    assert found.to_pylist() == ["ssh", "http", "ssh", None]


def test_the_shipped_registry_holds_each_port_once():
    table = shipped_ports()
    assert len(table.names) > 200
    assert (table.streams >= 0).sum() + (table.datagrams >= 0).sum() > 500


def test_of_two_names_for_a_port_the_first_holds():
    table = parse_ports("# comment\none 7\n\ntwo 7t 8u\n")
    assert (table.streams[7], table.datagrams[7], table.datagrams[8], table.streams[8]) == (0, 0, 1, -1)


def test_an_empty_batch_has_no_names():
    assert len(names_by_port(batch([]))) == 0
