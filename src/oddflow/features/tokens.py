"""Names and URIs as tokens: one for each character of a small alphabet, one for all other characters, one for the end.

Host names know no case (RFC 4343), so there is none here. What is not text, what was never seen and what is missing
all have a token, so that any text of any traffic can be read.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.columns import binary_parts

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.-_/?=&%:"
END = 0
"""The token after the last character; a text that is missing has no other."""
OTHER = len(ALPHABET) + 1
VOCABULARY = len(ALPHABET) + 2


def _tokens_of_bytes() -> NDArray[np.float32]:
    """The token of each byte, (256,)."""
    tokens = np.full(256, OTHER, np.float32)
    for token, character in enumerate(ALPHABET, 1):
        tokens[ord(character)] = tokens[ord(character.upper())] = token
    return tokens


_OF_BYTES = _tokens_of_bytes()


def tokens(texts: pa.Array, steps: int) -> NDArray[np.float32]:
    """The first characters of n texts as tokens: -> (n, steps) float32; null is all `END`.

    >>> tokens(pa.array(["Db.test", None]), 9).astype(int).tolist()
    [[4, 2, 37, 20, 5, 19, 20, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0]]
    """
    data, offsets = binary_parts(texts)
    starts, sizes = offsets[:-1].astype(np.int64), np.diff(offsets)
    # a token behind the last, so that each place can be looked up
    found = np.append(_OF_BYTES[data], np.float32(END))
    places = np.arange(steps)
    return found[np.where(places < sizes[:, None], starts[:, None] + places, len(data))]


def character(token: float) -> str:
    """What a token stands for, in words.

    >>> character(4), character(END), character(OTHER)
    ("'d'", 'the end', 'another character')
    """
    if token == END:
        return "the end"
    whole = int(token) if 0 < token < OTHER else OTHER
    return repr(ALPHABET[whole - 1]) if whole < OTHER else "another character"
