"""Texts to numbers and times: each as if it stood alone, whatever stands beside it."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, from_regex, integers, lists, none, one_of, sampled_from, text

from oddflow.logs.casting import UNZONED, ZONED, cast_or_null, finite_or_null

odd = sampled_from(
    ["", "-", "NaN", "-inf", "Infinity", "1e5", "0x1F", "-0x1", "+5", " 5", "1.", ".5", "1e999", "1_0", "\u0663"]
)
times = from_regex(
    r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?)?(Z|[+-]0[0-9]:?00)?\Z"
)
texts = one_of(
    none(),
    odd,
    integers(-(2**65), 2**65).map(str),
    integers(0, 300).map(str),
    floats().map(repr),
    times,
    text(max_size=4),
)
KINDS = [(pa.uint8(),), (pa.uint64(),), (pa.int64(),), (pa.float64(),), (pa.bool_(),), (ZONED, UNZONED)]


def alone(value, kinds):
    for kind in kinds:
        try:
            return pa.array([value], pa.string()).cast(kind).cast(kinds[0])
        except pa.ArrowInvalid:
            continue
    return pa.nulls(1, kinds[0])


@pytest.mark.parametrize("kinds", KINDS, ids=str)
@settings(max_examples=60)
@given(lists(texts, max_size=25))
def test_each_is_cast_as_if_it_stood_alone(kinds, values):
    expected = [alone(value, kinds) for value in values]
    found = cast_or_null(pa.array(values, pa.string()), *kinds)
    assert found.to_string(window=99) == pa.concat_arrays([pa.nulls(0, kinds[0]), *expected]).to_string(window=99)


def test_what_is_not_finite_is_none():
    assert finite_or_null(pa.array(["1.5", "nan", "inf", "-Infinity", "1e999", "x"])).to_pylist() == [1.5, *[None] * 5]
