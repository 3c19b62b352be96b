"""Pseudonyms of whole flow records."""

import base64
import hashlib
import struct
from ipaddress import ip_address

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses, lists, text
from tests.features.build import flows

import oddflow
from oddflow.logs.pseudonyms import ADDRESSES, HOST_NAMES, MACS, TOKENS, Pseudonyms, community_ids

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
TELLING = (*ADDRESSES, *MACS, *HOST_NAMES, *TOKENS)


def columns(batch):
    return {name: batch.column(name) for name in batch.schema.names}


def one(**values):
    """A flow with these values, under pseudonyms."""
    return Pseudonyms(KEY).apply(flows([values])).to_pylist()[0]


@pytest.fixture(scope="module")
def office():
    """The flows of an example capture, as one batch."""
    capture = oddflow.examples() / "office-incident.pcap.zst"
    return pa.Table.from_batches(oddflow.flows(capture)).combine_chunks().to_batches()[0]


def test_community_ids_of_untouched_flows_are_those_of_the_meter(office):
    assert community_ids(columns(office)).equals(office.column("community_id"))


def test_nothing_that_names_anybody_is_left(office):
    mapped = Pseudonyms(KEY).apply(office)
    for name in TELLING:
        before, after = office.column(name), mapped.column(name)
        assert after.is_null().equals(before.is_null()), name
        left = set(before.drop_null().to_pylist()) & set(after.drop_null().to_pylist())
        assert left <= {"ff:ff:ff:ff:ff:ff"}, (name, left)
    known = set(office.column("community_id").drop_null().to_pylist())
    assert not known & set(mapped.column("community_id").to_pylist())


def test_all_else_stays(office):
    mapped = Pseudonyms(KEY).apply(office)
    assert mapped.schema.equals(office.schema)
    changed = {name for name in office.schema.names if not mapped.column(name).equals(office.column(name))}
    assert changed <= {*TELLING, "community_id"}
    assert {"src_ip", "dst_ip", "src_mac", "dst_mac", "http_host", "dns_query", "community_id"} <= changed


def test_equal_texts_stay_equal_and_different_ones_different(office):
    mapped = Pseudonyms(KEY).apply(office)
    for name in TELLING:
        pairs = set(zip(office.column(name).to_pylist(), mapped.column(name).to_pylist(), strict=True))
        assert len({before for before, _ in pairs}) == len({after for _, after in pairs}) == len(pairs), name


def test_the_same_key_gives_the_same_and_another_key_others(office):
    first = Pseudonyms(KEY).apply(office)
    assert Pseudonyms(KEY).apply(office).equals(first)
    other = Pseudonyms(OTHER).apply(office)
    assert not set(first.column("src_ip").to_pylist()) & set(other.column("src_ip").to_pylist())
    assert Pseudonyms(KEY).fingerprint != Pseudonyms(OTHER).fingerprint


def test_what_is_forgotten_is_mapped_alike_again(office, monkeypatch):
    whole = Pseudonyms(KEY).apply(office)
    monkeypatch.setattr("oddflow.logs.pseudonyms.MOST_REMEMBERED", 40)
    forgetful = Pseudonyms(KEY)
    parts = [forgetful.apply(office.slice(start, 500)) for start in range(0, office.num_rows, 500)]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([whole]))
    for maker in forgetful._makers.values():
        assert len(maker._lately) + len(maker._before) <= 2 * 500 + 40


def community_id_twin(src, dst, protocol, src_port, dst_port):
    """As the specification has it, for protocols with ports."""
    a, b = (ip_address(src).packed, src_port), (ip_address(dst).packed, dst_port)
    (low, low_port), (high, high_port) = sorted([a, b])
    packed = struct.pack(">H", 0) + low + high + struct.pack(">BBHH", protocol, 0, low_port, high_port)
    return "1:" + base64.b64encode(hashlib.sha1(packed).digest()).decode()  # noqa: S324


@given(lists(ip_addresses(v=4), min_size=2, max_size=2), lists(ip_addresses(v=6), min_size=2, max_size=2))
def test_community_ids_are_those_of_the_pseudonyms(four, six):
    batch = flows(
        [
            {"src_ip": str(src), "dst_ip": str(dst), "ip_version": src.version, "community_id": "1:x"}
            for src, dst in (four, six)
        ]
    )
    for row in Pseudonyms(KEY).apply(batch).to_pylist():
        wanted = community_id_twin(row["src_ip"], row["dst_ip"], 6, row["src_port"], row["dst_port"])
        assert row["community_id"] == wanted


def test_a_record_without_community_id_gets_none():
    assert one(community_id=None)["community_id"] is None


@pytest.mark.parametrize("first", ["02", "03", "00", "01"])
def test_an_ethernet_address_stays_local_or_of_a_group(first):
    mapped = one(src_mac=f"{first}:11:22:33:44:55")["src_mac"]
    assert int(mapped[:2], 16) & 3 == int(first, 16) & 3
    assert mapped[3:] != "11:22:33:44:55"
    assert len(mapped) == 17


def test_addresses_that_name_nobody_stay():
    assert one(dst_mac="ff:ff:ff:ff:ff:ff")["dst_mac"] == "ff:ff:ff:ff:ff:ff"


def test_hosts_of_one_domain_go_on_sharing_it():
    mail, web, other = (one(tls_sni=name)["tls_sni"] for name in ("mail.example.org", "WWW.example.org", "a.test"))
    assert mail.split(".")[1:] == web.split(".")[1:]
    assert mail.split(".")[0] != web.split(".")[0]
    assert not set(mail.split(".")) & set(other.split("."))


@pytest.mark.parametrize(
    ("host", "form"), [("10.0.0.9", "{}"), ("10.0.0.9:8080", "{}:8080"), ("[fd00::9]:443", "[{}]:443")]
)
def test_an_address_for_a_name_is_mapped_as_addresses_are(host, form):
    bare = "fd00::9" if "fd00" in host else "10.0.0.9"
    assert one(http_host=host)["http_host"] == form.format(one(src_ip=bare)["src_ip"])


def test_a_port_behind_a_name_stays():
    assert one(http_host="intranet:8080")["http_host"] == one(http_host="intranet")["http_host"] + ":8080"


def test_what_should_be_an_address_and_is_none_is_not_told_either():
    row = one(src_ip="printer-of-anna", dst_ip="10.0.0.1")
    assert "anna" not in row["src_ip"]
    assert row["dst_ip"] == one(src_ip="10.0.0.1")["src_ip"]


@given(text(max_size=40))
def test_any_text_has_a_pseudonym(name):
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.host_name(name) == pseudonyms.host_name(name.lower())
    assert len(pseudonyms.token(name)) == 13
