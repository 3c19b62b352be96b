"""Several views side by side are what each is by itself."""

import numpy as np
import pytest
from tests.features.build import flows
from tests.features.test_sequence import padded

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.image import PIXELS, Image
from oddflow.features.sequence import Sequence
from oddflow.features.several import Several, Views
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import Payload

BATCH = flows([
    {"lengths": padded([60, -1500, 40]), "gaps_us": padded([0, 250, 3_000_000]), "payload": b"GET /"},
    {"lengths": None, "gaps_us": None, "payload": b"?"},
    {"lengths": padded([-1]), "gaps_us": padded([9]), "payload": b"\x00\xff"},
])  # fmt: skip


def tabular():
    return Tabular.of(HomeNetworks(("10.0.0.0/8",)), ContextSettings())


def several(payload=Payload.SESSION):
    return Several(tabular(), Image(payload))


def test_a_row_is_that_of_each_view_side_by_side():
    expected = np.concatenate([view.rows(BATCH) for view in (tabular(), Sequence(), Image())], axis=1)
    found = several().rows(BATCH)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_columns_are_named_once_each():
    view = several()
    names = [feature.name for feature in view.features]
    assert len(set(names)) == len(names) == view.rows(BATCH).shape[1]


def test_its_context_is_kept_between_batches_and_forgotten_with_a_new_source():
    view, twice = several(), several()
    first, second = view.rows(BATCH), view.rows(BATCH)
    assert (first != second).any()
    twice.rows(BATCH)
    twice.begin()
    np.testing.assert_array_equal(twice.rows(BATCH), first)


def test_what_one_view_lacks_is_told_and_counted():
    view = several()
    view.rows(BATCH)
    assert view.incomplete == 1
    assert any("warming up" in remark for remark in view.remarks())
    with pytest.raises(SchemaMismatch, match="does not know lengths, gaps_us"):
        several().rows(BATCH.slice(1, 1))


@pytest.mark.parametrize(("payload", "channels"), [(Payload.SESSION, 1), (Payload.FLOW, 2)])
def test_views_are_found_by_their_columns(payload, channels):
    views = Views.of(several(payload).features)
    assert views == Views(len(tabular().features), len(Sequence.features), channels * PIXELS)


@pytest.mark.parametrize("features", [Sequence.features, (*Image().features, *Sequence.features), ()])
def test_columns_of_other_views_are_refused(features):
    with pytest.raises(UsageError, match=r"several views|views are"):
        Views.of(features)
