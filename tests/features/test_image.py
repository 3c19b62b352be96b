"""First bytes as pixels: exact, padded with zeros, the same whatever the batches, and refused where there are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, none, one_of
from tests.features.build import flows, pieces

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.image import PIXELS, Image
from oddflow.flows.settings import Payload


def twin(payload):
    first = (payload or b"")[:PIXELS]
    return [byte / 255 for byte in first] + [0.0] * (PIXELS - len(first))


@given(lists(one_of(none(), binary(max_size=900)), min_size=1, max_size=8), integers(1, 3))
def test_pixels_are_the_bytes_of_the_twin(payloads, size):
    batch = flows([{"payload": payload} for payload in [b"known", *payloads]])
    image = Image()
    rows = np.concatenate([image.rows(piece) for piece in pieces(batch, [size])])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[1:], [twin(payload) for payload in payloads], atol=1e-7)


def test_each_direction_is_a_channel_of_its_own_where_they_are_kept_apart():
    image = Image(Payload.FLOW)
    rows = image.rows(flows([{"payload": b"\xff", "reverse_payload": b"\x00\xff"}, {"payload": b"a"}]))
    assert rows.shape == (2, 2 * PIXELS)
    assert np.flatnonzero(rows[0]).tolist() == [0, PIXELS + 1]
    assert len({feature.name for feature in image.features}) == 2 * PIXELS


def test_the_words_say_which_byte_and_of_what():
    assert Image().features[12].words == "byte 12 of the payload is {value}"
    assert Image(Payload.FLOW_FRAMES).features[PIXELS].words == "byte 0 of the packets received is {value}"


def test_a_source_without_payload_is_refused_and_one_with_some_is_not():
    image = Image()
    with pytest.raises(SchemaMismatch, match=r"does not know payload.*oddflow flows -o"):
        image.rows(flows([{"payload": None}]))
    image.rows(flows([{"payload": b"x"}]))
    assert not image.rows(flows([{"payload": None}])).any()
    image.begin()
    with pytest.raises(SchemaMismatch):
        image.rows(flows([{"payload": None}]))


def test_no_image_is_made_of_payload_that_is_not_kept():
    with pytest.raises(UsageError, match="--no-payload"):
        Image(Payload.NONE)
