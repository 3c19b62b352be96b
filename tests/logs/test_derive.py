"""What every source has alike: addresses, IP versions, Community IDs and protocol numbers."""

import ipaddress
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, ip_addresses, lists, one_of, sampled_from, text, tuples
from tests.flows.twin import ICMP_PAIRS, community_id

from oddflow.logs.derive import addresses_of, derived
from oddflow.logs.protocols import protocol_numbers
from oddflow.logs.record import flow_batches
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA, PROTOCOL_NAMES


def flows_of(rows, **more):
    """A batch of (src, sport, dst, dport, protocol, icmp type, icmp code)."""
    names = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "icmp_type", "icmp_code")
    given_ = dict(zip(names, zip(*rows, strict=True), strict=True)) | more
    count = len(rows)
    return pa.record_batch(
        [
            pa.array(given_[field.name], field.type) if field.name in given_ else pa.nulls(count, field.type)
            for field in FLOW_SCHEMA
        ],
        schema=FLOW_SCHEMA,
    )


def community_id_of(row):
    """That of the meter's twin; for ICMP the ports are type and answering type, or code."""
    src, sport, dst, dport, protocol, kind, code = row
    if protocol in ICMP_PAIRS:
        sport, dport = kind, ICMP_PAIRS[protocol].get(kind, code)
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    return community_id(protocol, src.version, int(src), int(dst), sport, dport)


def normal(words):
    try:
        return str(ipaddress.ip_address(words)) if "%" not in words else None
    except ValueError:
        return None


pieces = lists(sampled_from(["1", "255", "256", "01", ".", ":", "::", "ffff", "F", "%", "x", " "]), max_size=10)


@given(
    lists(
        one_of(ip_addresses().map(str), ip_addresses().map(lambda a: a.exploded.upper()), text(), pieces.map("".join))
    )
)
def test_addresses_are_those_of_the_standard_library(texts):
    found = addresses_of(pa.array(texts, pa.string()))
    assert found.text.to_pylist() == [normal(words) for words in texts]
    for words, version, high, low in zip(found.text.to_pylist(), found.version, found.high, found.low, strict=True):
        address = ipaddress.ip_address(words) if words else None
        assert version == (address.version if address else -1)
        assert (int(high) << 64 | int(low)) == (int(address) if address else 0)


ends = tuples(binary(min_size=4, max_size=4), binary(min_size=4, max_size=4)) | tuples(
    binary(min_size=16, max_size=16), binary(min_size=16, max_size=16)
)
ports, kinds = integers(0, 65535), integers(0, 255)


@given(lists(tuples(ends, ports, ports, sampled_from([1, 6, 17, 47, 50, 58, 132]), kinds, kinds), min_size=1))
def test_community_ids_are_those_of_the_specification(rows):
    keys = [
        (str(ipaddress.ip_address(a)), sport, str(ipaddress.ip_address(b)), dport, protocol, kind, code)
        for (a, b), sport, dport, protocol, kind, code in rows
    ]
    assert derived(flows_of(keys)).column("community_id").to_pylist() == [community_id_of(key) for key in keys]


def test_community_ids_are_those_of_the_published_baseline(shared):
    baseline = json.loads((shared / "golden" / "community-id" / "baseline_deflt.json").read_text())
    rows = []
    for known in baseline:
        sport, dport, is_icmp = known["sport"] or 0, known["dport"] or 0, known["proto"] in ICMP_PAIRS
        kinds = (sport, dport) if is_icmp else (None, None)
        rows.append((known["saddr"], sport, known["daddr"], dport, known["proto"], *kinds))
    found = derived(flows_of(rows)).column("community_id").to_pylist()
    assert found == [known["communityid"] for known in baseline]
    assert len(found) == 23


def test_what_the_source_says_stands():
    rows = [("10.0.0.1", 1, "10.0.0.2", 2, 6, None, None)] * 2
    flows = derived(flows_of(rows, community_id=["1:x", None], ip_version=[0, None]))
    assert flows.column("community_id").to_pylist() == ["1:x", community_id_of(rows[0])]
    assert flows.column("ip_version").to_pylist() == [0, 4]


def test_arp_and_icmp_of_an_unknown_type_have_no_community_id():
    rows = [("10.0.0.1", 0, "10.0.0.2", 0, 0, None, None), ("10.0.0.1", 0, "10.0.0.2", 0, 1, None, None)]
    flows = derived(flows_of(rows, ip_version=[0, None]))
    assert flows.column("community_id").to_pylist() == [None, None]


@pytest.mark.parametrize("other", ["10.0.0.300", "::1", "", "router-1"])
def test_a_record_between_no_two_addresses_is_lost(other):
    flows = flows_of([("10.0.0.1", 1, other, 2, 6, None, None)], start=[0], end=[1])
    ledger = Ledger()
    assert list(flow_batches(dict(zip(flows.schema.names, flows.columns, strict=True)), "x", ledger)) == []
    assert ledger.lost_total == 1


def test_protocols_are_known_by_number_by_our_names_and_in_any_case():
    names = [f" {name.upper()} " for name in PROTOCOL_NAMES.values()]
    assert protocol_numbers(pa.array(names)).to_pylist() == list(PROTOCOL_NAMES)
    assert protocol_numbers(pa.array(["0", "255", "256", "-1", "\u00b2", "", None, "man"])).to_pylist() == [
        0, 255, None, None, None, None, None, None,
    ]  # fmt: skip
