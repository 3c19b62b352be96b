"""Reasons of rows that have no service: bytes and packets."""

import numpy as np

from oddflow.features.image import PIXELS, Image
from oddflow.features.sequence import STEPS, Sequence
from oddflow.verdicts.naming import Normal
from oddflow.verdicts.words import amount


def normal(features, high):
    width = len(features)
    return Normal(features, np.zeros(width), np.full(width, high), {}, np.zeros(1, np.float32), "m")


def test_a_byte_is_written_as_in_a_dump():
    feature = Image().features[0]
    assert [amount(value, feature) for value in (0.0, 65 / 255, 1.0, 1e9, -1.0)] == [
        "0x00",
        "0x41",
        "0xff",
        "0xff",
        "0x00",
    ]


def test_the_byte_that_made_the_score_is_named_with_what_is_normal_there():
    row, parts = np.zeros(PIXELS, np.float32), np.zeros(PIXELS, np.float32)
    row[12], parts[12] = 65 / 255, 3
    (reason,) = normal(Image().features, 48 / 255).reasons(row, parts)
    assert reason.text == "byte 12 of the payload is 0x41; normal here: at most 0x30"
    assert reason.share == 1


def test_the_packet_that_made_the_score_is_named():
    row, parts = np.zeros(2 * STEPS, np.float32), np.zeros(2 * STEPS, np.float32)
    row[[2, STEPS + 2]], parts[[2, STEPS + 2]] = [1500, 3], [4, 1]
    length, gap = normal(Sequence.features, 1.0).reasons(row, parts)
    assert length.text.startswith(
        "1.5 KB is the 3rd packet's length (below 0: received; 0: there is none); normal here"
    )
    assert gap.text == "3 s before the 3rd packet; normal here: at most 1 s"
