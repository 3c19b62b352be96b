"""JA4 equals FoxIO's own values on their captures, and the words of the specification on hand-made hellos."""

import json

import pytest
from tests.flows.streams import first_bytes, plain_flows

import oddflow
from oddflow.flows.application import application_columns
from oddflow.schema import FLOW_SCHEMA

CAPTURES_WITH_JA4 = [
    "browsers-x509.pcapng", "chrome-cloudflare-quic-with-secrets.pcapng", "ipv6.pcapng", "latest.pcapng",
    "macos_tcp_flags.pcap", "tls-alpn-h2.pcap", "tls-handshake.pcapng", "tls-sni.pcapng", "tls12.pcap", "tls3.pcapng",
]  # fmt: skip


def columns_of(path):
    """(client, server, columns as Python values) of each flow of a capture."""
    flows = plain_flows(path)
    columns = {name: array.to_pylist() for name, array in application_columns(first_bytes(flows)).items()}
    return [
        (flow.client, flow.server, {name: values[i] for name, values in columns.items()})
        for i, flow in enumerate(flows)
    ]


def golden(folder, name):
    """The values that FoxIO's own program gives: only JA4 is ours to compare (the first hello of each stream)."""
    rows = json.loads((folder / f"{name}.json").read_text())
    return {
        ((row["src"], int(row["srcport"])), (row["dst"], int(row["dstport"]))): (row["JA4.1"], row.get("domain"))
        for row in rows
        if "JA4.1" in row
    }


@pytest.mark.parametrize("name", CAPTURES_WITH_JA4)
def test_ja4_and_names_equal_the_golden_values(shared, name):
    folder = shared / "golden" / "ja4"
    found = {(client, server): row for client, server, row in columns_of(folder / name) if row["ja4"]}
    expected = golden(folder, name)
    assert expected
    for ends, (ja4, domain) in expected.items():
        assert found[ends]["ja4"] == ja4, ends
        if domain:
            assert found[ends]["tls_sni"] == domain


def test_no_golden_capture_with_ja4_is_left_out(shared):
    folder = shared / "golden" / "ja4"
    names = [path.name.removesuffix(".json") for path in sorted(folder.glob("*.json"))]
    assert [name for name in names if golden(folder, name)] == CAPTURES_WITH_JA4


@pytest.mark.skipif("ja4" not in FLOW_SCHEMA.names, reason="the flow table has no columns of first bytes yet")
@pytest.mark.parametrize("name", CAPTURES_WITH_JA4)
def test_the_flow_table_holds_the_golden_values(shared, name):
    folder = shared / "golden" / "ja4"
    found = {}
    for batch in oddflow.flows(str(folder / name)):
        wanted = ["src_ip", "src_port", "dst_ip", "dst_port", "ja4"]
        for row in batch.select(wanted).to_pylist():
            if row["ja4"]:
                found[(row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])] = row["ja4"]
    assert {ends: found.get(ends) for ends in golden(folder, name)} == {
        ends: ja4 for ends, (ja4, _) in golden(folder, name).items()
    }
