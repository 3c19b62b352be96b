"""Reads ClientHello messages: names, versions, and the words that JA3 and JA4 are the digests of."""

import numpy as np

from oddflow.flows._wire_kernels import HEXADECIMAL, put_text, three, two
from oddflow.jit import kernel

SERVER_NAME, GROUPS, POINT_FORMATS, SIGNATURES, ALPN, VERSIONS = 0, 10, 11, 13, 16, 43
COMMA, HYPHEN, UNDERSCORE = 44, 45, 95
OVER_STREAM, OVER_DATAGRAMS, OVER_QUIC = 0, 1, 2
OVER = np.frombuffer(b"tdq", np.uint8)
"""JA4's first letter."""

VERSION, NAME_BEGIN, NAME_END, ALPN_BEGIN, ALPN_END, STATE, HELLO_FIELDS = 0, 1, 2, 3, 4, 5, 6
"""What is read of each hello: offsets are into the hellos; -1 where there is none. A begin without an end: no name."""
IS_READ, HELLO_CUT, HELLO_BAD = 0, 1, 2
JA4_START_CHARACTERS = 10
DIGESTED_TEXTS = 3
"""JA3's text, JA4's ciphers, JA4's extensions and signature algorithms."""
DIGESTED_CHARACTERS_PER_BYTE, DIGESTED_CHARACTERS_MORE = 6, 64
ALPN_CHARACTERS = 255


@kernel()
def is_grease(number):
    """Whether a number is one of those sent to keep others on their toes (RFC 8701)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


@kernel()
def put_decimal(text, at, number):
    """Writes 0 to 65,535 in decimal; the offset after it."""
    size = 1 + (number >= 10) + (number >= 100) + (number >= 1000) + (number >= 10000)
    for digit in range(size):
        text[at + size - 1 - digit] = 48 + number % 10
        number //= 10
    return at + size


@kernel()
def put_hexadecimal(text, at, number):
    """Writes 16 bits as four digits; the offset after them."""
    for digit in range(4):
        text[at + digit] = HEXADECIMAL[(number >> (12 - 4 * digit)) & 15]
    return at + 4


@kernel()
def sort_numbers(numbers, count):
    """Sorts the first `count` numbers in place: shell sort, whose worst case stays bounded."""
    for gap in (701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, count):
            number, place = numbers[i], i
            while place >= gap and numbers[place - gap] > number:
                numbers[place] = numbers[place - gap]
                place -= gap
            numbers[place] = number


@kernel()
def put_list(data, begin, end, text, at):
    """Writes JA3's form of a list of 16-bit numbers: decimal, hyphens between, without GREASE."""
    first = at
    for place in range(begin, end - 1, 2):
        number = two(data, place)
        if is_grease(number):
            continue
        if at > first:
            text[at] = HYPHEN
            at += 1
        at = put_decimal(text, at, number)
    return at


@kernel()
def put_numbers(numbers, count, text, at):
    """Writes JA4's form of a list: four hexadecimal digits, commas between."""
    for i in range(count):
        if i > 0:
            text[at] = COMMA
            at += 1
        at = put_hexadecimal(text, at, numbers[i])
    return at


@kernel()
def put_version(version, text, at):
    """Writes JA4's two letters of a version; the offset after them."""
    first, second = 48, 48
    if 0x0301 <= version <= 0x0304:
        first, second = 49, 48 + version - 0x0301
    elif version == 0x0300:
        first, second = 115, 51
    elif version == 0x0002:
        first, second = 115, 50
    elif version == 0xFEFF:
        first, second = 100, 49
    elif version == 0xFEFD:
        first, second = 100, 50
    elif version == 0xFEFC:
        first, second = 100, 51
    text[at], text[at + 1] = first, second
    return at + 2


@kernel()
def is_alphanumeric(byte):
    """Whether a byte is an ASCII letter or digit."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@kernel()
def put_protocol(data, begin, end, text, at):
    """Writes JA4's two letters of the first ALPN value, whose list is data[begin:end]; the offset after them."""
    text[at] = text[at + 1] = 48
    if begin >= 0 and begin < end and data[begin] > 0 and begin + 1 + data[begin] <= end:
        first, last = data[begin + 1], data[begin + np.int64(data[begin])]
        if is_alphanumeric(first) and is_alphanumeric(last):
            text[at], text[at + 1] = first, last
        else:
            text[at], text[at + 1] = HEXADECIMAL[first >> 4], HEXADECIMAL[last & 15]
    return at + 2


@kernel()
def newer(version, other, over):
    """The newer of two versions; DTLS numbers run downwards (RFC 6347 section 4.1)."""
    if over == OVER_DATAGRAMS and (version >> 8 == 0xFE) and (other >> 8 == 0xFE):
        return min(version, other)
    return max(version, other)


@kernel()
def offered_version(data, begin, end, over):
    """The newest version of a supported_versions list without GREASE, or -1."""
    best = np.int64(-1)
    for place in range(begin, end - 1, 2):
        version = two(data, place)
        if not is_grease(version):
            best = version if best < 0 else newer(version, best, over)
    return best


@kernel()
def read_extension(data, kind, begin, end, over, fact, lists):
    """Notes what one extension says: name, protocols, version, and where its lists stand in the hello.

    lists (3, 2): begin and end of groups, point formats and signature algorithms.
    """
    size = end - begin
    if kind == SERVER_NAME:
        fact[NAME_BEGIN] = begin
        if size >= 5 and data[begin + 2] == 0:
            fact[NAME_BEGIN], fact[NAME_END] = begin + 5, min(begin + 5 + two(data, begin + 3), end)
    elif kind == ALPN and size >= 2:
        fact[ALPN_BEGIN], fact[ALPN_END] = begin + 2, min(begin + 2 + two(data, begin), end)
    elif kind == VERSIONS and size >= 1:
        version = offered_version(data, begin + 1, min(begin + 1 + np.int64(data[begin]), end), over)
        fact[VERSION] = version if version >= 0 else fact[VERSION]
    elif kind == GROUPS and size >= 2:
        lists[0, 0], lists[0, 1] = begin + 2, min(begin + 2 + two(data, begin), end)
    elif kind == POINT_FORMATS and size >= 1:
        lists[1, 0], lists[1, 1] = begin + 1, min(begin + 1 + np.int64(data[begin]), end)
    elif kind == SIGNATURES and size >= 2:
        lists[2, 0], lists[2, 1] = begin + 2, min(begin + 2 + two(data, begin), end)


@kernel()
def to_ciphers(data, at, end, is_datagrams):
    """The offset of the cipher suites' length: behind version, random, session and cookie; -1 where that is cut."""
    at += 4 + 2 + 32
    for _ in range(2 if is_datagrams else 1):
        if at >= end:
            return -1
        at += 1 + np.int64(data[at])
    return at if at + 2 <= end else -1


@kernel()
def read_hello(data, begin, end, over, fact, lists, words):
    """Reads one whole or cut ClientHello (RFC 8446 section 4.1.2): (state, offsets of ciphers and extensions).

    words: of uint16, room for the numbers of all extensions. The offsets are (ciphers begin, end, extensions).
    """
    if begin + 4 <= end and begin + 4 + three(data, begin + 1) < end:
        return HELLO_BAD, 0, 0, 0
    ciphers = to_ciphers(data, begin, end, over == OVER_DATAGRAMS)
    if begin + 6 <= end:
        fact[VERSION] = two(data, begin + 4)
    if ciphers < 0:
        return HELLO_CUT, 0, 0, 0
    ciphers_end = ciphers + 2 + two(data, ciphers)
    if ciphers_end >= end:
        return HELLO_CUT, 0, 0, 0
    at = ciphers_end + 1 + np.int64(data[ciphers_end])
    if at > end:
        return HELLO_CUT, 0, 0, 0
    if at + 2 > end:
        return IS_READ, ciphers + 2, ciphers_end, 0
    stop = at + 2 + two(data, at)
    at += 2
    count = 0
    while at + 4 <= min(stop, end):
        kind, length = two(data, at), two(data, at + 2)
        if at + 4 + length > min(stop, end):
            return HELLO_CUT, ciphers + 2, ciphers_end, count
        words[count] = kind
        count += 1
        read_extension(data, kind, at + 4, at + 4 + length, over, fact, lists)
        at += 4 + length
    return IS_READ if at == stop else HELLO_CUT, ciphers + 2, ciphers_end, count


@kernel()
def put_ja3(data, begin, ciphers, ciphers_end, kinds, count, lists, text, at):
    """Writes JA3's text: version, ciphers, extensions, groups, point formats; the offset after it."""
    at = put_decimal(text, at, two(data, begin + 4))
    text[at] = COMMA
    at = put_list(data, ciphers, ciphers_end, text, at + 1)
    text[at] = COMMA
    at += 1
    first = at
    for i in range(count):
        if is_grease(np.int64(kinds[i])):
            continue
        if at > first:
            text[at] = HYPHEN
            at += 1
        at = put_decimal(text, at, np.int64(kinds[i]))
    text[at] = COMMA
    at = put_list(data, lists[0, 0], lists[0, 1], text, at + 1)
    text[at] = COMMA
    at += 1
    for place in range(lists[1, 0], lists[1, 1]):
        if place > lists[1, 0]:
            text[at] = HYPHEN
            at += 1
        at = put_decimal(text, at, np.int64(data[place]))
    return at


@kernel()
def put_ja4_ciphers(data, ciphers, ciphers_end, words, text, at):
    """Writes the sorted cipher suites without GREASE: (offset after them, how many)."""
    count = 0
    for place in range(ciphers, ciphers_end - 1, 2):
        number = two(data, place)
        if not is_grease(number):
            words[count] = number
            count += 1
    sort_numbers(words, count)
    return put_numbers(words, count, text, at), count


@kernel()
def put_ja4_extensions(data, kinds, count, lists, text, at):
    """Writes the sorted extensions without names, protocols and GREASE, and the signature algorithms as they stand.

    Returns (offset after them, how many extensions there are with names and protocols). Uses up `kinds`.
    """
    kept, counted = 0, 0
    for i in range(count):
        kind = np.int64(kinds[i])
        if is_grease(kind):
            continue
        counted += 1
        if kind not in (SERVER_NAME, ALPN):
            kinds[kept] = kind
            kept += 1
    sort_numbers(kinds, kept)
    at = put_numbers(kinds, kept, text, at)
    is_first = True
    for place in range(lists[2, 0], lists[2, 1] - 1, 2):
        number = two(data, place)
        if is_grease(number):
            continue
        text[at] = UNDERSCORE if is_first else COMMA
        at = put_hexadecimal(text, at + 1, number)
        is_first = False
    return at, counted


@kernel(
    "i8(u1[::1], i4[::1], u1[::1], u1[::1], u2[::1], u2[::1], i8[:, ::1], i4[:, ::1], u1[:, ::1], u1[::1], i4[::1])"
)
def read_hellos(hellos, hello_offsets, over, is_whole, kinds, ciphers, lists, facts, starts, texts, offsets):
    """Reads m ClientHello messages, packed one after another.

    over (m,): OVER_STREAM, OVER_DATAGRAMS, OVER_QUIC. kinds, ciphers: room for half as many numbers as the longest
    hello has bytes; lists (3, 2) too is only room. facts (m, HELLO_FIELDS): what they say.
    starts (m, JA4_START_CHARACTERS): JA4's first part. texts: DIGESTED_TEXTS of each hello, to be digested, empty
    where it is not whole; offsets (3 m + 1,). Room for any case: six characters a byte and 64 a hello.
    Returns the characters used.
    """
    at = np.int64(0)
    for j in range(over.shape[0]):
        begin, end = np.int64(hello_offsets[j]), np.int64(hello_offsets[j + 1])
        facts[j, :] = -1
        facts[j, NAME_END] = -2
        lists[:, :] = 0
        state, first, last, count = read_hello(hellos, begin, end, over[j], facts[j], lists, kinds)
        if state == HELLO_CUT and is_whole[j]:
            state = HELLO_BAD
        if state == IS_READ and not is_whole[j]:
            state = HELLO_CUT
        facts[j, STATE] = state
        offsets[3 * j] = at
        if state != IS_READ:
            offsets[3 * j + 1] = offsets[3 * j + 2] = at
            continue
        at = put_ja3(hellos, begin, first, last, kinds, count, lists, texts, at)
        offsets[3 * j + 1] = at
        at, cipher_count = put_ja4_ciphers(hellos, first, last, ciphers, texts, at)
        offsets[3 * j + 2] = at
        at, extension_count = put_ja4_extensions(hellos, kinds, count, lists, texts, at)
        start = starts[j]
        start[0] = OVER[over[j]]
        put_version(np.int64(facts[j, VERSION]), start, 1)
        start[3] = 100 if facts[j, NAME_BEGIN] >= 0 else 105
        start[4], start[5] = 48 + min(cipher_count, 99) // 10, 48 + min(cipher_count, 99) % 10
        start[6], start[7] = 48 + min(extension_count, 99) // 10, 48 + min(extension_count, 99) % 10
        put_protocol(hellos, np.int64(facts[j, ALPN_BEGIN]), np.int64(facts[j, ALPN_END]), start, 8)
    offsets[3 * over.shape[0]] = at
    return at


@kernel("i8(u1[::1], i4[:, ::1], u1[::1], i4[::1])")
def write_protocols(hellos, facts, text, offsets):
    """Writes all protocols that m hellos offer (ALPN, RFC 7301), commas between, as safe text; the characters used."""
    to = np.int64(0)
    for j in range(facts.shape[0]):
        offsets[j] = to
        at, end = np.int64(facts[j, ALPN_BEGIN]), np.int64(facts[j, ALPN_END])
        begin, stop = to, to + ALPN_CHARACTERS
        while 0 <= at < end:
            length = np.int64(hellos[at])
            if to > begin and to < stop:
                text[to] = COMMA
                to += 1
            to = put_text(hellos, at + 1, min(at + 1 + length, end), text, to, stop)
            at += 1 + length
    offsets[facts.shape[0]] = to
    return to
