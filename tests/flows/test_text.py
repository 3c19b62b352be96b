"""The text columns: addresses as `ipaddress` writes them, Community IDs as the specification's own tools do."""

import base64
import json
from ipaddress import IPv6Address, ip_address
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, tuples
from tests.flows.twin import community_id

from oddflow.flows._text_kernels import (
    ADDRESS_CHARACTERS,
    COMMUNITY_ID_PAIRS,
    write_addresses,
    write_community_ids,
)
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

WORD = 2**64 - 1
GROUPS = lists(sampled_from([0, 0, 0, 1, 0xA, 0xFF, 0x100, 0xFFFF]), min_size=8, max_size=8)


def texts(numbers, version):
    highs = np.array([n >> 64 for n in numbers], np.uint64)
    lows = np.array([n & WORD for n in numbers], np.uint64)
    text, offsets = np.empty(ADDRESS_CHARACTERS * len(numbers), np.uint8), np.empty(len(numbers) + 1, np.int32)
    used = write_addresses(highs, lows, np.full(len(numbers), version, np.int64), text, offsets)
    assert used == offsets[-1]
    held = text.tobytes()
    return [held[a:b].decode() for a, b in pairwise(offsets)]


@given(lists(integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_ipv4_addresses_are_written_as_ipaddress_writes_them(numbers):
    assert texts(numbers, 4) == [str(ip_address(n)) for n in numbers]


def canonical(address):
    """RFC 5952 without the dotted form, which newer Pythons use for mapped addresses."""
    if address.ipv4_mapped is None:
        return str(address)
    low = int(address) & 0xFFFFFFFF
    return f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"


@given(lists(integers(0, 2**128 - 1), min_size=1, max_size=20))
def test_ipv6_addresses_are_written_as_ipaddress_writes_them(numbers):
    assert texts(numbers, 6) == [canonical(IPv6Address(n)) for n in numbers]


@given(GROUPS)
def test_the_longest_run_of_zeros_is_shortened(groups):
    number = int("".join(f"{group:04x}" for group in groups), 16)
    assert texts([number], 6) == [canonical(IPv6Address(number))]


@given(
    integers(0, 2**128 - 1),
    integers(0, 2**128 - 1),
    tuples(integers(0, 65535), integers(0, 65535)),
    sampled_from([1, 6, 17, 47, 58, 132, 136]),
    sampled_from([4, 6]),
)
def test_community_ids_are_those_of_hashlib(src, dst, ports, protocol, version):
    if version == 4:
        src, dst = src & 0xFFFFFFFF, dst & 0xFFFFFFFF
    if protocol in (1, 58):
        ports = (ports[0] & 255, ports[1] & 255)
    addresses = np.array([[src >> 64], [src & WORD], [dst >> 64], [dst & WORD]], np.uint64)
    text = np.empty(COMMUNITY_ID_PAIRS, np.uint16)
    columns = [np.array([value], np.int64) for value in (*ports, protocol, version)]
    write_community_ids(addresses, *columns, text)
    assert text.tobytes().decode() == community_id(protocol, version, src, dst, *ports)


def community_ids(batch):
    """Of the IP flows: the specification has none for ARP."""
    flows = batch.select(["community_id", "ip_version"]).to_pylist()
    return {flow["community_id"] for flow in flows if flow["ip_version"]}


@pytest.fixture(scope="module")
def specification(shared):
    """The folder of the specification's captures, and the Community IDs of all IP flows in them."""
    folder = shared / "golden" / "community-id"
    ids = set()
    for path in sorted(folder.glob("*.pcap")):
        for batch in read_flows(str(path), Ledger()):
            ids |= community_ids(batch)
    return folder, ids


def test_the_specifications_baseline_holds(specification):
    folder, ids = specification
    assert ids == {row["communityid"] for row in json.loads((folder / "baseline_deflt.json").read_text())}


def test_the_specifications_baseline_in_hexadecimal_holds(specification):
    folder, ids = specification
    as_hex = {"1:" + base64.b64decode(text[2:]).hex() for text in ids}
    assert as_hex == {row["communityid"] for row in json.loads((folder / "baseline_nob64.json").read_text())}


def test_all_the_specifications_captures_in_one_give_the_same_ids(specification):
    folder, ids = specification
    batches = read_flows(str(folder / "combined.pcap.gz"), Ledger())
    assert {text for batch in batches for text in community_ids(batch)} == ids


@pytest.mark.parametrize(("name", "seed"), [("baseline_deflt.json", 0), ("baseline_seed1.json", 1)])
def test_the_twin_itself_holds_to_the_specification(shared, name, seed):
    for row in json.loads((shared / "golden" / "community-id" / name).read_text()):
        src, dst = ip_address(row["saddr"]), ip_address(row["daddr"])
        ports = (row["sport"] or 0, row["dport"] or 0)
        found = community_id(row["proto"], src.version, int(src), int(dst), *ports, seed=seed)
        assert found == row["communityid"]
