"""Records: what is sent comes out again, and what others wrote is refused in words."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.errors import InputError
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA
from oddflow.server.stream.record import Head, body_of, flows_of

HEAD = Head("0" * 32, 3, 17, 8, 1_700_000_000_000_000_000, 1_700_000_001_000_000_000, 5, True)


def test_a_head_comes_back():
    assert Head.parse(HEAD.as_bytes()) == HEAD


def test_flows_come_back(office_flows):
    ledger = Ledger()
    found = pa.Table.from_batches(flows_of(body_of([office_flows.slice(0, 100), office_flows.slice(100, 50)]), ledger))
    assert found.to_pylist() == office_flows.slice(0, 150).to_pylist()
    assert ledger.metered == 150
    assert not flows_of(b"", ledger)


def test_columns_may_be_fewer_or_others(office_flows):
    some = office_flows.slice(0, 10)
    fewer = some.drop_columns(["tls_sni", "payload"]).append_column("of_tomorrow", pa.array(range(10)))
    (found,) = flows_of(body_of([fewer]), Ledger())
    assert found.schema.equals(FLOW_SCHEMA)
    assert found.column("payload").null_count == 10
    assert found.select(["start", "src_ip"]).equals(some.select(["start", "src_ip"]))


def test_flows_without_what_they_are_known_by_are_lost(office_flows):
    some = office_flows.slice(0, 10).drop_columns(["src_ip"])
    ledger = Ledger()
    assert not sum(batch.num_rows for batch in flows_of(body_of([some]), ledger))
    assert ledger.lost_total == 10


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: [2, *told[1:]], "version 2; this version of Oddflow reads 1"),
        (lambda told: [*told[:2], "seven", *told[3:]], "holds other than"),
        (lambda told: [told[0], "../" * 10 + "xx", *told[2:]], "holds other than"),
        (lambda told: [*told[:5], 1 << 70, *told[6:]], "holds other than"),
        (lambda told: {"sender": told[1]}, "holds other than"),
    ],
)
def test_a_wrong_head_is_refused(change, why):
    with pytest.raises(InputError, match=why):
        Head.parse(json.dumps(change(json.loads(HEAD.as_bytes()))).encode())


@given(st.binary(max_size=200), st.integers(0, 2_000), st.integers(0, 255))
def test_any_bytes_are_refused_or_read(content, place, value):
    with pytest.raises(InputError):
        Head.parse(content)
    if content:
        with pytest.raises(InputError):
            flows_of(content, Ledger())
    batch = pa.record_batch({"start": pa.array([1, 2]), "src_ip": pa.array(["a", None])})
    body = bytearray(body_of([batch]))
    body[place % len(body)] = value
    try:
        flows_of(bytes(body), Ledger())
    except InputError as error:
        assert "cannot be read" in str(error)  # noqa: PT017
