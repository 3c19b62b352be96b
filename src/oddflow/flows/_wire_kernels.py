"""Reading and writing bytes in kernels: numbers in network order, text made safe."""

import numpy as np

from oddflow.jit import kernel

HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8)
BACKSLASH, LETTER_X = 92, 120
FIRST_PRINTABLE, LAST_PRINTABLE = 32, 126


@kernel()
def two(data, at):
    """16 bits in network order; the caller has checked that both bytes are there."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@kernel()
def three(data, at):
    """24 bits in network order; the caller has checked that the bytes are there."""
    return (np.int64(data[at]) << 16) | (np.int64(data[at + 1]) << 8) | np.int64(data[at + 2])


@kernel()
def four(data, at):
    """32 bits in network order; the caller has checked that the bytes are there."""
    return (two(data, at) << 16) | two(data, at + 2)


@kernel()
def put_byte(text, at, stop, byte, is_special):
    """Writes one byte as itself or as \\xNN; the offset after it, or -1 where it would pass `stop`.

    A backslash is written \\x5c, so that no two byte strings look alike. `is_special` asks for \\xNN at any rate.
    """
    value = np.int64(byte)
    if FIRST_PRINTABLE <= value <= LAST_PRINTABLE and value != BACKSLASH and not is_special:
        if at + 1 > stop:
            return -1
        text[at] = byte
        return at + 1
    if at + 4 > stop:
        return -1
    text[at] = BACKSLASH
    text[at + 1] = LETTER_X
    text[at + 2] = HEXADECIMAL[value >> 4]
    text[at + 3] = HEXADECIMAL[value & 15]
    return at + 4


@kernel()
def put_text(data, begin, end, text, at, stop):
    """Writes bytes as safe text up to `stop`; the offset after them."""
    for place in range(begin, end):
        after = put_byte(text, at, stop, data[place], False)
        if after < 0:
            break
        at = after
    return at


@kernel("i8(u1[::1], i8[::1], i8[::1], i8, u1[::1], i4[::1])")
def write_texts(data, begins, ends, limit, text, offsets):
    """Writes n spans of bytes as safe text of at most `limit` characters each.

    A span that ends before it begins gives an empty text (the caller makes it null). text: n × limit characters hold
    any case; offsets (n + 1,) int32 as Arrow wants them. Returns the characters used.
    """
    at = np.int64(0)
    for i in range(begins.shape[0]):
        offsets[i] = at
        at = put_text(data, begins[i], ends[i], text, at, at + limit)
    offsets[begins.shape[0]] = at
    return at
