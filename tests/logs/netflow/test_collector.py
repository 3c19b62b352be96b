"""Messages to records, compared with a plain reader; and whatever may be wrong with them."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, booleans, composite, data, integers, lists, sampled_from
from tests.examples import some

from oddflow.logs.netflow.collector import REDEFINED, RESTARTED, Collector
from oddflow.logs.netflow.holding import LONGEST_S
from oddflow.losses import Ledger, Loss

from . import build, twin
from .build import IPFIX, PLAIN, SECONDS, UPTIME, V9, plain

EXPORTER = ("192.0.2.1", 40_000)


def collected(datagrams, *, ledger=None, sender=EXPORTER, **how):
    ledger = ledger or Ledger()
    collector = Collector(ledger, **how)
    for place, datagram in enumerate(datagrams):
        collector.take(datagram, sender, float(place))
    batches = list(collector.records())
    collector.end()
    ledger.used(sum(batch.num_rows for batch in batches))
    return batches, ledger


def rows(datagrams, **how):
    batches, _ = collected(datagrams, **how)
    return [row for batch in batches for row in pa.Table.from_batches([batch]).to_pylist()]


def ns(batch, name):
    return batch.column(name).cast(pa.int64()).to_pylist()


def as_twin(batches):
    names = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "forward_packets", "forward_bytes",
             "reverse_packets", "reverse_bytes", "vlan_id")  # fmt: skip
    out = []
    for batch in batches:
        nothing = [None] * batch.num_rows
        columns = [batch.column(n).to_pylist() if n in batch.schema.names else nothing for n in names]
        out += zip(ns(batch, "start"), ns(batch, "end"), *columns, strict=True)
    return out


def key(record):
    return tuple((value is None, value or 0 if not isinstance(value, str) else value) for value in record)


def lost(ledger):
    return dict(ledger.reasons)


@composite
def templates(draw, version):
    """Fields that make a flow, in any order, of any length that is allowed, with others among them."""
    six = draw(booleans())
    fields = [(27, 16), (28, 16)] if six else [(8, 4), (12, 4)]
    fields += [(7, draw(integers(2, 4))), (11, 2), (4, draw(integers(1, 3)))]
    fields += [(1, draw(integers(1, 8))), (2, draw(integers(1, 8)))]
    fields += [(22, 4), (21, 4)] if version == V9 else [(152, 8), (153, 8)]
    fields += draw(lists(sampled_from([(5, 1), (58, 2), (999, 3), (47, 0), (61, 1)]), max_size=4))
    if version == IPFIX:
        fields += draw(lists(sampled_from([(12, 4, 4711), (1, 6, 29305), (2, 4, 29305), (82, 0xFFFF)]), max_size=3))
    return draw(sampled_from([fields, fields[::-1]]))


@composite
def records(draw, fields):
    out = b""
    for number, length, *enterprise in fields:
        if length == 0xFFFF:
            out += build.variable(draw(binary(max_size=300)))
        elif (number, *enterprise) in ((1,), (2,), (1, 29305), (2, 29305)):
            out += draw(integers(0, min(1 << 62, (1 << 8 * length) - 1))).to_bytes(length, "big")
        elif (number, *enterprise) in ((21,), (22,)):
            out += draw(integers(UPTIME - 10**6, UPTIME)).to_bytes(4, "big")
        elif (number, *enterprise) in ((152,), (153,)):
            out += draw(integers(SECONDS * 1000 - 10**6, SECONDS * 1000)).to_bytes(8, "big")
        elif (number, *enterprise) in ((7,), (11,)):
            out += draw(integers(1, 65_535)).to_bytes(length, "big")
        elif (number, *enterprise) == (4,):
            out += draw(sampled_from([6, 17, 47, 132])).to_bytes(length, "big")
        else:
            out += draw(binary(min_size=length, max_size=length).filter(any)) if length else b""
    return out


@composite
def conversations(draw):
    """Messages of one domain: templates that come, go on, and change; data before and after them."""
    version = draw(sampled_from([V9, IPFIX]))
    current = {number: draw(templates(version)) for number in (256, 300)}
    told, out = set(), []
    for _ in range(draw(integers(1, 8))):
        sets = []
        for _ in range(draw(integers(1, 3))):
            number = draw(sampled_from([256, 300]))
            match draw(sampled_from(["template", "change", "data", "data"])):
                case "change" if number in told:
                    current[number] = draw(templates(version))
                    sets.append(build.templates(version, build.template(number, current[number])))
                case "template" | "change":
                    told.add(number)
                    sets.append(build.templates(version, build.template(number, current[number])))
                case "data":
                    body = b"".join(draw(records(current[number])) for _ in range(draw(integers(1, 3))))
                    sets.append(build.a_set(number, body, padding=draw(integers(0, 3))))
        out.append(build.message(version, *sets))
    return out


@settings(max_examples=some(150))
@given(conversations(), sampled_from([1, 5, 8_192]))
def test_records_are_those_of_the_plain_reader(messages, most_pending):
    batches, ledger = collected(messages, most_pending=most_pending)
    assert sorted(as_twin(batches), key=key) == sorted(twin.read(messages), key=key)
    assert set(ledger.reasons) <= {
        f"{Loss.RECORD}: no packets and no bytes", f"{Loss.RECORD}: it ends before it starts",
        f"{Loss.TEMPLATE}: sets of records",
    } | {name for name in ledger.reasons if name.startswith(Loss.EXPORTED)}  # fmt: skip


@given(lists(integers(0, 5), min_size=1, max_size=6), integers(0, 1 << 14))
def test_v5_is_that_of_the_plain_reader(counts, uptime):
    datagrams = [
        build.v5([build.row(packets=n, protocol=17, at=n) for n in range(count + 1)], nanoseconds=count, uptime=UPTIME)
        for count in counts
    ]
    batches, _ = collected(datagrams)
    assert sorted(as_twin(batches), key=key) == sorted(twin.read(datagrams), key=key)


VALID = (
    build.v5([build.row(), build.row(protocol=1, ports=(0, 0x0800))]),
    build.message(
        V9, build.templates(V9, build.template(256, PLAIN)), build.a_set(256, plain() * 3, padding=2),
        build.options_templates(V9, build.options_template(V9, 257, [(1, 4)], [(34, 4), (35, 1)])),
        build.a_set(257, bytes([0, 0, 0, 1, 0, 0, 0, 10, 1])),
    ),
    build.message(
        IPFIX, build.templates(IPFIX, build.template(256, [*PLAIN, (96, 0xFFFF), (2, 8, 29305)])),
        build.a_set(256, (plain() + build.variable(b"http") + bytes(8)) * 2),
        build.options_templates(IPFIX, build.options_template(IPFIX, 300, [(302, 4)], [(305, 4), (306, 4), (160, 8)])),
        build.a_set(300, struct.pack("!IIIQ", 1, 1, 9, SECONDS * 1000)),
    ),
)  # fmt: skip


@pytest.mark.parametrize("datagram", VALID)
def test_cut_anywhere_a_message_is_one_loss_or_read_up_to_a_set(datagram):
    whole = len(rows([datagram]))
    assert whole
    for length in range(len(datagram)):
        batches, ledger = collected([datagram[:length]])
        count = sum(batch.num_rows for batch in batches)
        assert count <= whole
        assert ledger.total == count + sum(ledger.reasons.values())
        if datagram[1] != V9:  # a v9 message does not say how long it is: sets before the cut are whole
            assert (count, ledger.lost_total) == (0, 1)


@settings(max_examples=some(400))
@given(sampled_from(VALID), data())
def test_mutated_messages_never_raise(datagram, drawn):
    mutated = bytearray(datagram)
    for _ in range(drawn.draw(integers(1, 8))):
        mutated[drawn.draw(integers(0, len(mutated) - 1))] = drawn.draw(integers(0, 255))
    collected([bytes(mutated), datagram, bytes(mutated)])


@given(lists(binary(max_size=100), max_size=20))
def test_garbage_is_counted_message_by_message(messages):
    garbage = [message for message in messages if message[:2] not in (b"\0\5", b"\0\x09", b"\0\x0a")]
    batches, ledger = collected(garbage)
    assert not batches
    assert ledger.lost_total == len(garbage)


def test_other_versions_are_told_by_name():
    _, ledger = collected([struct.pack("!H", version) + bytes(50) for version in (1, 7, 0)])
    assert set(lost(ledger)) == {
        f"{Loss.MESSAGE}: NetFlow version 1, which is not read",
        f"{Loss.MESSAGE}: NetFlow version 7, which is not read",
        f"{Loss.MESSAGE}: sFlow or another format, which is not read",
    }
    assert set(ledger.first_at.values()) == {"192.0.2.1"}


def message(*sets, **how):
    return build.message(IPFIX, *sets, **how)


TEMPLATE = build.templates(IPFIX, build.template(256, PLAIN))
DATA = build.a_set(256, plain())


def test_data_before_its_template_waits_for_it():
    assert len(rows([message(DATA), message(TEMPLATE)])) == 1


def test_data_whose_template_never_comes_is_counted():
    _, ledger = collected([message(DATA)])
    assert lost(ledger) == {f"{Loss.TEMPLATE}: sets of records": 1}
    assert ledger.first_at == {f"{Loss.TEMPLATE}: sets of records": "192.0.2.1/7"}


def test_held_data_is_given_up_after_a_while():
    ledger = Ledger()
    collector = Collector(ledger)
    collector.take(message(DATA), EXPORTER, 0.0)
    collector.sweep(LONGEST_S)
    assert not ledger.lost_total
    collector.sweep(LONGEST_S + 1)
    assert ledger.lost_total == 1
    collector.take(message(TEMPLATE), EXPORTER, LONGEST_S + 2)
    assert not list(collector.records())


def test_held_data_is_bounded():
    ledger = Ledger()
    collector = Collector(ledger)
    many = build.a_set(999, bytes(60_000))
    for number in range(100):
        collector.take(message(many), EXPORTER, float(number))
    assert collector._room.used < 1 << 20
    assert ledger.lost_total > 80
    for number in range(400):
        collector.take(message(many, domain=1000 + number), EXPORTER, 200.0)
    assert collector._room.used <= 1 << 24
    collector.end()
    assert ledger.lost_total == 500
    assert collector._room.used == 0


def test_a_template_of_another_meaning_reads_what_comes_after_it():
    other = [(12, 4), (8, 4), *PLAIN[2:]]
    batches, ledger = collected(
        [message(TEMPLATE, DATA), message(build.templates(IPFIX, build.template(256, other)), DATA, sequence=1)]
    )
    assert {record[2:5:2] for record in as_twin(batches)} == {("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")}
    assert REDEFINED in ledger.notes


def test_a_withdrawn_template_reads_nothing_more():
    gone = build.templates(IPFIX, struct.pack("!HH", 256, 0))
    _, ledger = collected([message(TEMPLATE, DATA), message(gone), message(DATA, sequence=1)])
    assert (ledger.metered, ledger.lost_total) == (1, 1)


def test_templates_of_other_domains_and_exporters_are_not_taken():
    assert not rows([message(TEMPLATE, domain=1), message(DATA, domain=2)])
    ledger = Ledger()
    collector = Collector(ledger)
    collector.take(message(TEMPLATE), ("192.0.2.1", 1), 0)
    collector.take(message(DATA), ("192.0.2.2", 1), 0)
    assert not list(collector.records())


def test_gaps_are_losses_in_the_unit_that_the_version_counts():
    v9 = [build.message(V9, sequence=n) for n in (1, 2, 3, 6, 7)]
    assert lost(collected(v9)[1]) == {f"{Loss.EXPORTED}: messages of 192.0.2.1/7": 2}
    v5 = [build.v5([build.row()] * n, sequence=s, engine=0x0102) for n, s in ((2, 0), (3, 2), (4, 5), (1, 39))]
    assert lost(collected(v5)[1]) == {f"{Loss.EXPORTED}: records of 192.0.2.1/258": 30}


def test_an_exporter_that_was_started_anew_is_told():
    early = [build.v5([build.row()], sequence=1000 + n) for n in range(3)]
    late = [build.v5([build.row()], sequence=n, uptime=100 + n, seconds=SECONDS + 60) for n in range(3)]
    _, ledger = collected([*early, *late])
    assert ledger.notes == [RESTARTED]
    assert not ledger.reasons


def test_an_uptime_that_begins_anew_after_49_days_is_no_restart():
    wrapped = (1 << 32) - 500
    first = build.v5([(*build.row()[:7], wrapped - 100, wrapped)], uptime=wrapped, sequence=0)
    after = build.v5([(*build.row()[:7], wrapped + 400, 400)], uptime=500, sequence=1, seconds=SECONDS + 1)
    batches, ledger = collected([first, after])
    starts = [time for batch in batches for time in ns(batch, "start")]
    assert not ledger.notes
    assert starts == [SECONDS * 10**9 - 10**8, (SECONDS + 1) * 10**9 - 600 * 10**6]


def test_exporters_are_bounded_and_the_silent_make_room():
    ledger = Ledger()
    collector = Collector(ledger, most_domains=2)
    for number, now in ((1, 0.0), (2, 0.0), (3, 1.0)):
        collector.take(message(TEMPLATE, DATA, domain=number), EXPORTER, now)
    assert lost(ledger) == {f"{Loss.MESSAGE}: of more than 2 exporters": 1}
    collector.take(message(TEMPLATE, DATA, domain=3), EXPORTER, 60.0)
    assert ledger.lost_total == 1
    assert sum(batch.num_rows for batch in collector.records()) == 3


@pytest.mark.parametrize(
    ("fields", "body", "why"),
    [
        (PLAIN[1:], plain()[4:], "no addresses"),
        (PLAIN[:4] + PLAIN[5:], plain()[:12] + plain()[13:], "no protocol"),
        (PLAIN[:2] + PLAIN[4:], plain()[:8] + plain()[12:], "no ports"),
        (PLAIN[:8], plain()[:-16], "no time"),
        (PLAIN, plain(packets=0, size=0), "no packets and no bytes"),
        (
            (*PLAIN[:8], (22, 4), (21, 4)),
            plain()[:-16] + bytes(8),
            "times since the exporter's start, which it has not told",
        ),
        ((*PLAIN[:5], (230, 1), *PLAIN[8:]), plain()[:13] + b"\1" + plain()[-16:], "a NAT event, not a flow"),
        (PLAIN, plain(at=40_000_000.0), "it ends a year after it was sent, or later"),
        (PLAIN, plain()[:-8] + bytes(7) + b"\1", "it ends before it starts"),
    ],
)  # fmt: skip
def test_records_that_are_no_flows(fields, body, why):
    _, ledger = collected([message(build.templates(IPFIX, build.template(256, fields)), build.a_set(256, body))])
    assert lost(ledger) == {f"{Loss.RECORD}: {why}": 1}
    assert ledger.first_at == {f"{Loss.RECORD}: {why}": "192.0.2.1/7"}
