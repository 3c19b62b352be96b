"""Templates: read, replaced, withdrawn, bounded; and layouts of records."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, tuples

from oddflow.logs.netflow.header import Malformed, Set
from oddflow.logs.netflow.layout import VARIABLE, Field, Layout, gather
from oddflow.logs.netflow.templates import MOST_FIELDS, Budget, Template, Templates, read_templates

from . import build

SHORT = (Field(1, 4), Field(2, 4))


def taken(templates, number=256, fields=SHORT, *, options=False):
    return templates.take(Template(number, fields, options))


def body_of(one_set):
    return Set(struct.unpack_from("!H", one_set)[0], one_set[4:])


def test_fields_enterprises_and_padding():
    records = build.template(300, [(1, 4), (2, 8, 29305)]), build.template(301, [(96, VARIABLE)])
    found = list(read_templates(10, Set(2, b"".join(records) + bytes(3))))
    assert found == [
        Template(300, (Field(1, 4), Field(2, 8, 29305)), False),
        Template(301, (Field(96, VARIABLE),), False),
    ]


def test_a_scope_of_v9_is_no_element():
    found = body_of(build.options_templates(9, build.options_template(9, 256, [(1, 4)], [(34, 4)])))
    (template,) = read_templates(9, found)
    assert template.fields == (Field(-1, 4), Field(34, 4))
    assert template.is_options


@given(binary(max_size=80), integers(0, 3))
def test_any_bytes_are_templates_or_malformed(body, number):
    for version in (9, 10):
        with suppress(Malformed):
            assert all(isinstance(found, Template) for found in read_templates(version, Set(number, body)))


@pytest.mark.parametrize(
    "record",
    [
        struct.pack("!HH", 255, 1) + build.field(1, 4),
        struct.pack("!HH", 256, MOST_FIELDS + 1) + build.field(1, 4) * (MOST_FIELDS + 1),
        build.template(256, [(1, 0)]),
        build.template(256, [(1, 0x8000), (2, 0x8000)]),
        build.template(256, [(1, 4)])[:-1],
    ],
)
def test_templates_that_cannot_be(record):
    with pytest.raises(Malformed):
        list(read_templates(10, Set(2, record)))


def test_v9_knows_no_variable_length():
    with pytest.raises(Malformed):
        list(read_templates(9, Set(0, build.template(256, [(96, VARIABLE)]))))


def test_another_meaning_is_told_and_the_same_is_not():
    templates = Templates(Budget())
    assert not taken(templates)
    assert not taken(templates)
    assert taken(templates, fields=SHORT[:1])
    assert templates.get(256).size == 4


def test_withdrawn_one_by_one_or_all_of_a_kind():
    templates, budget = Templates(Budget()), Budget()
    templates = Templates(budget)
    for number in (256, 257):
        taken(templates, number)
    taken(templates, 258, options=True)
    taken(templates, 256, ())
    assert templates.get(256) is None
    taken(templates, 2, ())
    assert templates.get(257) is None
    assert templates.get(258) is not None
    taken(templates, 3, (), options=True)
    assert templates.get(258) is None
    assert budget.used == 0


def test_templates_are_bounded_in_number_and_fields():
    few = Templates(Budget(), most=2)
    taken(few, 256)
    taken(few, 257)
    with pytest.raises(Malformed, match="more than are kept"):
        taken(few, 258)
    tight = Templates(Budget(most=3))
    taken(tight, 256)
    with pytest.raises(Malformed, match="more than are kept"):
        taken(tight, 257)
    wide = Templates(Budget())
    for number in range(32):
        taken(wide, 256 + number, (Field(number, 1),) * MOST_FIELDS)
    with pytest.raises(Malformed, match="more than are kept"):
        taken(wide, 999)
    tight.forget()
    taken(tight, 257)


def test_equal_layouts_are_one_while_someone_has_them():
    budget = Budget()
    ours, theirs = Templates(budget), Templates(budget)
    taken(ours)
    taken(theirs, 999)
    assert ours.get(256) is theirs.get(999)
    ours.forget()
    theirs.forget()
    assert len(budget.layouts) == 0


@given(lists(tuples(integers(1, 8), integers(0, (1 << 64) - 1)), min_size=1, max_size=6))
def test_numbers_of_any_length(columns):
    numbers = (1, 2, 4, 6, 58, 136)
    fields = tuple(Field(number, length) for number, (length, _) in zip(numbers, columns, strict=False))
    names = ("octetDeltaCount", "packetDeltaCount", "protocolIdentifier", "tcpControlBits", "vlanId", "flowEndReason")
    values = [value % (1 << 8 * length) for length, value in columns]
    data = b"".join(value.to_bytes(length, "big") for (length, _), value in zip(columns, values, strict=True))
    layout = Layout(fields, is_options=False)
    rows = layout.rows(data * 3)
    for name, value in zip(names, values, strict=False):
        assert layout.numbers(rows, name).tolist() == [value] * 3


@given(lists(tuples(binary(max_size=300), binary(max_size=9)), max_size=5), integers(0, 3))
def test_records_of_varying_length(records, padding):
    layout = Layout((Field(1, 2), Field(96, VARIABLE), Field(2, 1), Field(82, VARIABLE)), is_options=False)
    body = b"".join(b"\x12\x34" + build.variable(name) + b"\x05" + build.variable(other) for name, other in records)
    found = gather(body + bytes(padding), layout)
    assert (found.records, found.is_broken) == (len(records), False)
    assert found.texts == {"applicationName": [name for name, _ in records]}
    assert np.all(layout.numbers(layout.rows(found.data), "octetDeltaCount") == 0x1234)


@given(lists(binary(min_size=1, max_size=20), min_size=1, max_size=4), integers(1, 30))
def test_a_record_beyond_its_set_is_broken(names, cut):
    layout = Layout((Field(96, VARIABLE), Field(1, 4)), is_options=False)
    body = b"".join(build.variable(name) + b"\x01\x02\x03\x04" for name in names)
    whole, at = [], 0
    for name in names:
        at += len(name) + 5
        whole.append(at)
    kept = max(0, len(body) - cut)
    found = gather(body[:kept], layout)
    assert found.records == sum(end <= kept for end in whole)
    assert len(found.texts["applicationName"]) == found.records
