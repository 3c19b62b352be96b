"""What records say of a flow: times, counters, flags, sampling, ends, and the other direction."""

import struct

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from oddflow.logs.netflow.collector import OF_PART

from . import build
from .build import IPFIX, PLAIN, SECONDS, V9, plain
from .test_collector import collected, message, ns, rows

KEY = PLAIN[:8]
ENDS = plain()[:-16]


def one(fields, body, *before):
    """The single record of a template."""
    (found,) = rows([*before, message(build.templates(IPFIX, build.template(256, fields)), build.a_set(256, body))])
    return found


def times(fields, body, *before):
    sets = build.templates(IPFIX, build.template(256, fields)), build.a_set(256, body)
    (batch,), _ = collected([*before, message(*sets)])
    return ns(batch, "start")[0] - SECONDS * 10**9, ns(batch, "end")[0] - SECONDS * 10**9


@pytest.mark.parametrize(
    ("start", "end", "values"),
    [
        ((150, 4), (151, 4), struct.pack("!II", SECONDS - 3, SECONDS - 1)),
        ((152, 8), (153, 8), struct.pack("!QQ", (SECONDS - 3) * 1000, (SECONDS - 1) * 1000)),
        ((154, 8), (155, 8), build.ntp((SECONDS - 3) * 10**9) + build.ntp((SECONDS - 1) * 10**9)),
        ((156, 8), (157, 8), build.ntp((SECONDS - 3) * 10**9) + build.ntp((SECONDS - 1) * 10**9)),
        ((158, 4), (159, 4), struct.pack("!II", 3_000_000, 1_000_000)),
        ((150, 4), (161, 4), struct.pack("!II", SECONDS - 3, 2_000)),
        ((161, 4), (151, 4), struct.pack("!II", 2_000, SECONDS - 1)),
        ((153, 8), (162, 4), struct.pack("!QI", (SECONDS - 1) * 1000, 2_000_000)),
    ],
)
def test_all_ways_to_say_a_time(start, end, values):
    assert times([*KEY, start, end], ENDS + values) == (-3 * 10**9, -(10**9))


@given(integers(0, 10**9 - 1), integers(1, 0xFFFFFFFF))
def test_ntp_times_to_the_nanosecond_and_beyond_2036(nanoseconds, seconds):
    time = seconds * 10**9 + nanoseconds
    sets = build.templates(IPFIX, build.template(256, [*KEY, (156, 8), (157, 8)]))
    body = build.a_set(256, ENDS + build.ntp(time) * 2)
    batches, ledger = collected([message(sets, body, seconds=seconds)])
    if seconds < (1 << 31) + (1 << 32) - 2_208_988_800:  # in 2104 they begin anew again
        assert not ledger.reasons
        assert abs(ns(batches[0], "start")[0] - time) <= 1


def test_a_single_observation_is_start_and_end():
    assert times([*KEY, (323, 8)], ENDS + struct.pack("!Q", SECONDS * 1000 - 5)) == (-5_000_000, -5_000_000)


def test_uptimes_of_v9_wrap_and_stay_beside_each_other():
    fields = [*KEY, (22, 4), (21, 4)]
    template = build.templates(V9, build.template(256, fields))
    body = build.a_set(256, ENDS + struct.pack("!II", (1 << 32) - 1000, 200))
    (batch,), _ = collected([build.message(V9, template, body, uptime=700)])
    assert (ns(batch, "start")[0], ns(batch, "end")[0]) == (
        SECONDS * 10**9 - 1_700_000_000,
        SECONDS * 10**9 - 500_000_000,
    )
    # whole seconds in the header, 1.4 s between the messages: the same start of the exporter is meant
    first = build.message(V9, template, seconds=SECONDS, uptime=100_000, sequence=1)
    second = build.message(V9, build.a_set(256, ENDS + struct.pack("!II", 101_400, 101_400)), seconds=SECONDS + 1,
                           uptime=101_400, sequence=2)  # fmt: skip
    (batch,), _ = collected([first, second])
    assert ns(batch, "end")[0] == SECONDS * 10**9 + 1_400_000_000


def test_uptimes_of_ipfix_need_the_start_that_options_tell():
    options = message(
        build.options_templates(IPFIX, build.options_template(IPFIX, 400, [(149, 4)], [(160, 8)])),
        build.a_set(400, struct.pack("!IQ", 7, SECONDS * 1000 - 50_000)),
    )
    fields = [*KEY, (22, 4), (21, 4)]
    assert times(fields, ENDS + struct.pack("!II", 20_000, 30_000), options) == (-30 * 10**9, -20 * 10**9)
    own = [*KEY, (160, 8), (22, 4), (21, 4)]
    body = ENDS + struct.pack("!QII", SECONDS * 1000 - 50_000, 20_000, 30_000)
    assert times(own, body) == (-30 * 10**9, -20 * 10**9)


FLAG_NAMES = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


@pytest.mark.parametrize(
    ("packets", "flags", "expected"),
    [
        (3, 0x1B, [None, None, 0, None, None, 0, 0, 0]),
        (1, 0x12, [0, 1, 0, 0, 1, 0, 0, 0]),
        (1, 0x00, [None] * 8),
    ],
)
def test_a_union_of_flags_says_no_more_than_is_certain(packets, flags, expected):
    found = one(PLAIN, plain(packets=packets, flags=flags))
    assert [found[f"forward_{name}"] for name in FLAG_NAMES] == expected
    assert found["tcp_flags"] == flags


def test_counts_of_flags_are_taken():
    found = one([*PLAIN, (218, 4), (220, 4)], plain() + struct.pack("!II", 2, 1))
    assert (found["forward_syn"], found["forward_rst"], found["forward_fin"]) == (2, 1, None)


def test_flags_of_other_protocols_are_unknown():
    assert one(PLAIN, plain(protocol=17))["tcp_flags"] is None


def options_of(version, scopes, fields, body, number=400):
    return build.message(
        version,
        build.options_templates(version, build.options_template(version, number, scopes, fields)),
        build.a_set(number, body),
    )


@pytest.mark.parametrize(
    ("fields", "body", "interval"),
    [
        ([(34, 4), (35, 1)], struct.pack("!IB", 100, 1), 100),
        ([(50, 4)], struct.pack("!I", 512), 512),
        ([(305, 4), (306, 4)], struct.pack("!II", 1, 999), 1000),
        ([(309, 4), (310, 4)], struct.pack("!II", 2, 128), 64),
        ([(305, 4), (306, 4)], struct.pack("!II", 0, 999), None),
        ([(34, 4)], struct.pack("!I", 1), None),
    ],
)
def test_counters_are_multiplied_by_the_sampling_interval(fields, body, interval):
    found = one(PLAIN, plain(), options_of(IPFIX, [(149, 4)], fields, bytes(4) + body))
    assert found.get("sampling_interval") == interval
    assert (found["forward_packets"], found["forward_bytes"]) == (3 * (interval or 1), 300 * (interval or 1))
    assert found["forward_rst"] is (None if interval else 0) or found["forward_rst"] == 0


@pytest.mark.parametrize("identity", [48, 302])
def test_the_sampler_that_a_record_names(identity):
    told = options_of(IPFIX, [(identity, 2)], [(50, 4)], struct.pack("!HIHI", 1, 10, 2, 20))
    fields = [*PLAIN, (identity, 2)]
    intervals = [
        one(fields, plain() + struct.pack("!H", number), told).get("sampling_interval") for number in (1, 2, 3)
    ]
    assert intervals == [10, 20, None]


@pytest.mark.parametrize(("version", "scope"), [(V9, 2), (IPFIX, 10)])
def test_the_sampling_of_a_single_interface_is_not_that_of_all(version, scope):
    told = options_of(version, [(scope, 4)], [(34, 4)], struct.pack("!II", 3, 100))
    template = build.templates(version, build.template(256, PLAIN))
    batches, ledger = collected([told, build.message(version, template, build.a_set(256, plain()), sequence=1)])
    assert batches[0].column("forward_packets").to_pylist() == [3]
    assert OF_PART in ledger.notes


def test_v5_says_its_sampling_in_each_header_and_v9_in_its_records():
    (found,) = rows([build.v5([build.row()], sampling=0x4000 | 50)])
    assert (found["sampling_interval"], found["forward_packets"]) == (50, 150)
    assert one([*PLAIN, (34, 4)], plain() + struct.pack("!I", 7))["forward_packets"] == 21


def test_what_is_told_later_does_not_change_what_was_read():
    later = options_of(IPFIX, [(149, 4)], [(34, 4)], struct.pack("!II", 0, 9))
    template = build.templates(IPFIX, build.template(256, PLAIN))
    found = rows([message(template, build.a_set(256, plain())), later, message(build.a_set(256, plain(size=1)))])
    assert [(f["forward_bytes"], f.get("sampling_interval")) for f in found] == [(300, None), (9, 9)]


def test_icmp_in_its_own_fields_or_in_the_port():
    ports = plain(protocol=1, ports=(0, 0x0301))
    assert one(PLAIN, ports)["icmp_type"] == 3
    found = one([*PLAIN, (32, 2)], ports + struct.pack("!H", 0x0800))
    assert (found["icmp_type"], found["icmp_code"], found["src_port"], found["dst_port"]) == (8, 0, 0, 0)
    found = one([*PLAIN, (178, 1), (179, 1)], plain(protocol=58) + bytes([128, 4]))
    assert (found["icmp_type"], found["icmp_code"]) == (128, 4)


def test_links_lengths_and_the_like():
    more = [(56, 6), (80, 6), (58, 2), (136, 1), (25, 2), (26, 2), (52, 1), (53, 1), (148, 8), (96, 8)]
    values = (
        bytes.fromhex("001b213c9df8 000000000000")
        + struct.pack("!HBHHBBQ", 100, 2, 40, 1500, 63, 64, 77)
        + b"netflix\0"
    )
    found = one([*PLAIN, *more], plain() + values)
    assert found["src_mac"] == "00:1b:21:3c:9d:f8"
    assert found["dst_mac"] is None
    names = ("vlan_id", "end_reason", "forward_length_min", "forward_length_max", "forward_ttl_min", "forward_ttl_max",
             "record_id", "app_by_signature", "exporter", "ip_version")  # fmt: skip
    assert [found[name] for name in names] == [100, 2, 40, 1500, 63, 64, "77", "netflix", "192.0.2.1/7", 4]


def test_text_of_varying_length_and_hostile_bytes():
    found = one([*PLAIN, (96, 0xFFFF)], plain() + build.variable(b"a\x1b[2J\\\xff"))
    assert found["app_by_signature"] == "a\\x1b[2J\\x5c\\xff"


def test_ipv6_and_of_both_the_one_that_is_there():
    address = bytes.fromhex("20010db8000000000000000000000001")
    six = [(27, 16), (28, 16)]
    assert one([*six, *PLAIN[2:]], address * 2 + plain()[8:])["src_ip"] == "2001:db8::1"
    found = one([*PLAIN, *six], plain() + bytes(32))
    assert (found["src_ip"], found["ip_version"]) == ("10.0.0.1", 4)
    found = one([*PLAIN, *six], bytes(8) + plain()[8:] + address * 2)
    assert (found["src_ip"], found["ip_version"]) == ("2001:db8::1", 6)


REVERSED = [*PLAIN, (1, 8, 29305), (2, 4, 29305), (6, 1, 29305), (239, 1)]


@pytest.mark.parametrize("direction", [0, 1, 2])
def test_a_biflow_has_both_directions_and_may_be_told_from_the_responder(direction):
    found = one(REVERSED, plain() + struct.pack("!QIBB", 9_000, 1, 0x12, direction))
    ours, theirs = ("forward", "reverse") if direction < 2 else ("reverse", "forward")
    ends = (found["src_ip"], found["src_port"])
    assert ends == (("10.0.0.1", 4000) if direction < 2 else ("10.0.0.2", 80))
    assert (found[f"{ours}_packets"], found[f"{ours}_bytes"], found[f"{ours}_rst"]) == (3, 300, 0)
    assert (found[f"{theirs}_packets"], found[f"{theirs}_bytes"], found[f"{theirs}_syn"]) == (1, 9_000, 1)


def test_initiator_and_responder_of_ciscos():
    fields = [*PLAIN[:5], (231, 4), (232, 4), (298, 4), (299, 4), *PLAIN[8:]]
    found = one(fields, plain()[:13] + struct.pack("!IIII", 10, 20, 1, 2) + plain()[-16:])
    names = ("forward_bytes", "reverse_bytes", "forward_packets", "reverse_packets")
    assert [found[name] for name in names] == [10, 20, 1, 2]


@given(sampled_from([1, 2, 3, 8]), integers(0, (1 << 64) - 1))
def test_counters_too_large_are_counted(every, size):
    told = options_of(IPFIX, [(149, 4)], [(34, 4)], struct.pack("!II", 0, every))
    fields = [(1, 8) if field == (1, 4) else field for field in PLAIN]
    body = plain()[:17] + struct.pack("!Q", size) + plain()[21:]
    sets = build.templates(IPFIX, build.template(256, fields)), build.a_set(256, body)
    batches, ledger = collected([told, message(*sets)])
    if size > (1 << 62) // every:
        assert ledger.lost_total == 1
    else:
        assert batches[0].column("forward_bytes").to_pylist() == [size * every]


def test_who_exported_is_address_and_domain():
    (found,) = rows([build.v5([build.row()], engine=0x0203)])
    assert found["exporter"] == "192.0.2.1/515"
