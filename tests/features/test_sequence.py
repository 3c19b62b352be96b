"""First packets as rows: lengths, then gaps in seconds; refused where a source tells of no packets."""

import numpy as np
import pytest
from tests.features.build import flows

from oddflow.errors import SchemaMismatch
from oddflow.features.sequence import STEPS, Sequence, _ordinal


def padded(values):
    return values + [0] * (STEPS - len(values))


BATCH = flows([
    {"lengths": padded([60, -1500, 40]), "gaps_us": padded([0, 250, 3_000_000])},
    {"lengths": None, "gaps_us": None},
    {"lengths": padded([-1]), "gaps_us": padded([4_294_967_295])},
])  # fmt: skip


def test_rows_are_lengths_and_then_gaps_in_seconds():
    rows = Sequence().rows(BATCH)
    assert rows.dtype == np.float32
    assert rows[0].tolist() == pytest.approx([*padded([60, -1500, 40]), *padded([0, 2.5e-4, 3])])
    assert not rows[1].any()
    assert rows[2, STEPS] == pytest.approx(4_294.967295)


def test_a_slice_gives_the_same_rows():
    np.testing.assert_array_equal(Sequence().rows(BATCH.slice(1, 2)[1:]), Sequence().rows(BATCH)[2:])


def test_flows_that_lack_what_others_have_are_counted():
    sequence = Sequence()
    sequence.rows(BATCH)
    assert sequence.incomplete == 1


def test_a_source_that_tells_of_no_packets_is_refused():
    with pytest.raises(SchemaMismatch, match=r"does not know lengths, gaps_us: logs .* no single packets"):
        Sequence().rows(BATCH.slice(1, 1))


def test_features_say_which_packet():
    names = [feature.name for feature in Sequence.features]
    assert names[:2] == ["length_01", "length_02"]
    assert names[STEPS] == "gap_01"
    assert len(set(names)) == 2 * STEPS
    assert Sequence.features[2].words.startswith("{value} is the 3rd packet's length")


def test_ordinals():
    assert [_ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 32)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "32nd",
    ]  # fmt: skip
