"""Writes the text columns of a flow batch: addresses and Community IDs."""

import numpy as np

from oddflow.flows._key_kernels import ICMP, ICMP6, TCP, UDP, icmp_counterpart
from oddflow.flows._layout import NONE
from oddflow.jit import kernel

DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
ADDRESS_CHARACTERS = 39
COMMUNITY_ID_CHARACTERS = 30
COMMUNITY_ID_PAIRS = COMMUNITY_ID_CHARACTERS // 2
MAC_CHARACTERS = 17
COLON, DOT = 58, 46

BASE64_PAIRS = np.stack([np.repeat(BASE64, 64), np.tile(BASE64, 64)], axis=1).reshape(-1).view(np.uint16)
"""The two characters of twelve bits."""
LAST_PAIRS = np.stack([BASE64, np.full(64, ord("="), np.uint8)], axis=1).reshape(-1).view(np.uint16)
VERSION_PAIR = np.frombuffer(b"1:", np.uint16)

SHA1_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0], np.uint32)
LANES = 32
"""Digests computed side by side; fewer and the compiler does not find vectors."""


@kernel()
def write_decimal(text, at, number):
    """Writes 0 to 255 in decimal; the offset after it."""
    if number >= 100:
        text[at] = DIGITS[number // 100]
        at += 1
    if number >= 10:
        text[at] = DIGITS[number // 10 % 10]
        at += 1
    text[at] = DIGITS[number % 10]
    return at + 1


@kernel()
def write_ipv4(text, at, low):
    """Writes dotted decimal; the offset after it."""
    for byte in range(4):
        if byte > 0:
            text[at] = DOT
            at += 1
        at = write_decimal(text, at, np.int64((low >> np.uint64(24 - 8 * byte)) & np.uint64(255)))
    return at


@kernel()
def group(high, low, number):
    """The sixteen bits of one group, 0 to 7, of an IPv6 address."""
    word = high if number < 4 else low
    return np.int64((word >> np.uint64(48 - 16 * (number % 4))) & np.uint64(0xFFFF))


@kernel()
def longest_zeros(high, low):
    """(start, length) of the first longest run of two or more zero groups (RFC 5952 section 4.2)."""
    best_start, best, start, run = 0, 0, 0, 0
    for number in range(8):
        if group(high, low, number) != 0:
            run = 0
            continue
        if run == 0:
            start = number
        run += 1
        if run > best:
            best_start, best = start, run
    return best_start, best if best > 1 else 0


@kernel()
def write_ipv6(text, at, high, low):
    """Writes the canonical text of RFC 5952; the offset after it."""
    zeros_start, zeros = longest_zeros(high, low)
    number = 0
    while number < 8:
        if zeros > 0 and number == zeros_start:
            text[at] = COLON
            text[at + 1] = COLON
            at += 2
            number += zeros
            continue
        if number > 0 and not (zeros > 0 and number == zeros_start + zeros):
            text[at] = COLON
            at += 1
        value = group(high, low, number)
        started = False
        for nibble in range(4):
            digit = (value >> (12 - 4 * nibble)) & 15
            if digit != 0 or started or nibble == 3:
                text[at] = DIGITS[digit]
                at += 1
                started = True
        number += 1
    return at


@kernel("i8(u8[::1], u8[::1], i8[::1], u1[::1], i4[::1])")
def write_addresses(highs, lows, versions, text, offsets):
    """Writes n addresses one after another, nothing for those of version NONE, IPv4 for ARP's.

    offsets (n + 1,) int32 are as Arrow wants them. Returns the bytes used.
    """
    at = 0
    for i in range(highs.shape[0]):
        offsets[i] = at
        if versions[i] == 6:
            at = write_ipv6(text, at, highs[i], lows[i])
        elif versions[i] != NONE:
            at = write_ipv4(text, at, lows[i])
    offsets[highs.shape[0]] = at
    return at


@kernel("i8(i8[::1], u1[::1], i4[::1])")
def write_macs(numbers, text, offsets):
    """Writes n Ethernet addresses like 00:1b:21:3c:9d:f8, nothing for NONE; offsets as Arrow wants them."""
    at = 0
    for i in range(numbers.shape[0]):
        offsets[i] = at
        if numbers[i] == NONE:
            continue
        for byte in range(6):
            value = (numbers[i] >> (40 - 8 * byte)) & 255
            if byte > 0:
                text[at] = COLON
                at += 1
            text[at] = DIGITS[value >> 4]
            text[at + 1] = DIGITS[value & 15]
            at += 2
    offsets[numbers.shape[0]] = at
    return at


@kernel()
def rotate(word, bits):
    """Rotates 32 bits left."""
    return np.uint32((np.uint32(word) << np.uint32(bits)) | (np.uint32(word) >> np.uint32(32 - bits)))


@kernel(inline=True)
def mixed(step, b, c, d):
    """What a step of SHA-1 makes of three words, and its constant (FIPS 180-4 sections 4.1.1 and 4.2.1)."""
    if step < 20:
        return (d ^ (b & (c ^ d))) + np.uint32(0x5A827999)
    if step < 40:
        return (b ^ c ^ d) + np.uint32(0x6ED9EBA1)
    if step < 60:
        return ((b & c) | (d & (b | c))) + np.uint32(0x8F1BBCDC)
    return (b ^ c ^ d) + np.uint32(0xCA62C1D6)


@kernel(inline=True)
def sha1_blocks(schedule, state):
    """SHA-1 (FIPS 180-4 section 6.1.3) of LANES blocks at once, so that the processor computes many side by side.

    schedule (16, LANES): their words, which are used up; state (5, LANES) becomes their digests.
    """
    for i in range(5):
        for lane in range(LANES):
            state[i, lane] = SHA1_START[i]
    for step in range(80):
        place = step & 15
        if step >= 16:
            for lane in range(LANES):
                before = schedule[(step - 3) & 15, lane] ^ schedule[(step - 8) & 15, lane]
                word = before ^ schedule[(step - 14) & 15, lane] ^ schedule[place, lane]
                schedule[place, lane] = rotate(word, 1)
        for lane in range(LANES):
            a, b, c = np.uint32(state[0, lane]), np.uint32(state[1, lane]), np.uint32(state[2, lane])
            d, e = np.uint32(state[3, lane]), np.uint32(state[4, lane])
            added = mixed(step, b, c, d) + e + np.uint32(schedule[place, lane])
            state[4, lane] = d
            state[3, lane] = c
            state[2, lane] = rotate(b, 30)
            state[1, lane] = a
            state[0, lane] = np.uint32(rotate(a, 5) + added)
    for i in range(5):
        for lane in range(LANES):
            state[i, lane] = np.uint32(np.uint32(state[i, lane]) + np.uint32(SHA1_START[i]))


@kernel()
def write_base64(state, lane, text, at):
    """Base64 (RFC 4648) of the 20 bytes of a digest: 14 pairs of characters."""
    bits, left = np.int64(0), 0
    for word in range(5):
        bits = ((bits & 0xFFFF) << 32) | np.int64(state[word, lane])
        left += 32
        while left >= 12:
            left -= 12
            text[at] = BASE64_PAIRS[(bits >> left) & 0xFFF]
            at += 1
    text[at] = LAST_PAIRS[(bits << (6 - left)) & 63]


@kernel()
def put(schedule, lane, at, value):
    """Writes 32 bits across two words, since all stand behind the two bytes of the seed; the word after the first."""
    number = np.int64(value)
    schedule[at, lane] |= number >> 16
    schedule[at + 1, lane] = (number & 0xFFFF) << 16
    return at + 1


@kernel()
def put_message(schedule, lane, words, i, src_port, dst_port, protocol, version):
    """Writes what a Community ID is the digest of: seed 0, both ends in order, protocol, ports; padded."""
    for word in range(16):
        schedule[word, lane] = 0
    one_way = protocol in (ICMP, ICMP6) and icmp_counterpart(protocol, src_port) == NONE
    first = 0
    if not one_way:
        later = words[0, i] > words[2, i] or (
            words[0, i] == words[2, i]
            and (words[1, i] > words[3, i] or (words[1, i] == words[3, i] and src_port > dst_port))
        )
        first = 2 if later else 0
    at = 0
    for end in (first, 2 - first):
        if version != 4:
            at = put(schedule, lane, at, words[end, i] >> np.uint64(32))
            at = put(schedule, lane, at, words[end, i] & np.uint64(0xFFFFFFFF))
            at = put(schedule, lane, at, words[end + 1, i] >> np.uint64(32))
        at = put(schedule, lane, at, words[end + 1, i] & np.uint64(0xFFFFFFFF))
    schedule[at, lane] |= (protocol & 0xFF) << 8
    at += 1
    if protocol in (TCP, UDP, ICMP, ICMP6, 132):
        low, high = (dst_port, src_port) if first else (src_port, dst_port)
        schedule[at, lane] = ((low & 0xFFFF) << 16) | (high & 0xFFFF)
        at += 1
    schedule[at, lane] = 0x80000000
    schedule[15, lane] = 32 * at


@kernel("void(u8[:, ::1], i8[::1], i8[::1], i8[::1], i8[::1], u2[::1])", allocates=True)
def write_community_ids(words, src_ports, dst_ports, protocols, versions, text):
    """Writes Community IDs 1.0 with seed 0, 30 characters each, as 15 pairs.

    words (4, n): source high, low, destination high, low. For ICMP the ports are type and counterpart or code.
    Source: https://github.com/corelight/community-id-spec
    """
    schedule = np.zeros((16, LANES), np.uint32)
    state = np.zeros((5, LANES), np.uint32)
    count = protocols.shape[0]
    for first in range(0, count, LANES):
        many = min(LANES, count - first)
        for lane in range(many):
            i = first + lane
            put_message(schedule, lane, words, i, src_ports[i], dst_ports[i], protocols[i], versions[i])
        sha1_blocks(schedule, state)
        for lane in range(many):
            begin = COMMUNITY_ID_PAIRS * (first + lane)
            text[begin] = VERSION_PAIR[0]
            write_base64(state, lane, text, begin + 1)
