"""Writes the text columns of a flow batch: addresses and Community IDs."""

import numpy as np

from oddflow.flows._key_kernels import ICMP, ICMP6, TCP, UDP, icmp_counterpart
from oddflow.flows._layout import NONE
from oddflow.jit import kernel

DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
ADDRESS_CHARACTERS = 39
COMMUNITY_ID_CHARACTERS = 30
MAC_CHARACTERS = 17
COLON, DOT = 58, 46


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
    return ((word << bits) | (word >> (32 - bits))) & 0xFFFFFFFF


@kernel()
def sha1_block(block, schedule, digest):
    """SHA-1 (FIPS 180-4 section 6.1) of one padded 64-byte block, as 20 bytes."""
    for i in range(16):
        word = np.int64(0)
        for byte in range(4):
            word = (word << 8) | np.int64(block[4 * i + byte])
        schedule[i] = word
    for i in range(16, 80):
        schedule[i] = rotate(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1)
    a, b, c, d, e = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
    for i in range(80):
        if i < 20:
            f, k = (b & c) | ((b ^ 0xFFFFFFFF) & d), 0x5A827999
        elif i < 40:
            f, k = b ^ c ^ d, 0x6ED9EBA1
        elif i < 60:
            f, k = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
        else:
            f, k = b ^ c ^ d, 0xCA62C1D6
        a, b, c, d, e = (rotate(a, 5) + f + e + k + schedule[i]) & 0xFFFFFFFF, a, rotate(b, 30), c, d
    words = (a + 0x67452301, b + 0xEFCDAB89, c + 0x98BADCFE, d + 0x10325476, e + 0xC3D2E1F0)
    for i in range(5):
        for byte in range(4):
            digest[4 * i + byte] = (words[i] >> (24 - 8 * byte)) & 0xFF


@kernel()
def write_base64(digest, text, at):
    """Base64 (RFC 4648) of 20 bytes as 28 characters."""
    for triple in range(7):
        bits = np.int64(0)
        for byte in range(3):
            place = 3 * triple + byte
            bits = (bits << 8) | (np.int64(digest[place]) if place < 20 else 0)
        for digit in range(4):
            text[at + 4 * triple + digit] = BASE64[(bits >> (18 - 6 * digit)) & 63]
    text[at + 27] = 61  # "="


@kernel()
def put(block, at, value, size):
    """Writes the low `size` bytes of a number, network order; the offset after it."""
    for byte in range(size):
        block[at + byte] = (value >> np.uint64(8 * (size - 1 - byte))) & np.uint64(0xFF)
    return at + size


@kernel("void(u8[:, ::1], i8[::1], i8[::1], i8[::1], i8[::1], u1[::1])", allocates=True)
def write_community_ids(addresses, src_ports, dst_ports, protocols, versions, text):
    """Writes Community IDs 1.0 with seed 0, 30 characters each.

    addresses (n, 4): source high, low, destination high, low. For ICMP the ports are type and counterpart or code.
    Source: https://github.com/corelight/community-id-spec
    """
    block = np.zeros(64, np.uint8)
    schedule = np.zeros(80, np.int64)
    digest = np.zeros(20, np.uint8)
    for i in range(protocols.shape[0]):
        protocol = protocols[i]
        one_way = protocol in (ICMP, ICMP6) and icmp_counterpart(protocol, src_ports[i]) == NONE
        first = 0
        if not one_way:
            later = addresses[i, 0] > addresses[i, 2] or (
                addresses[i, 0] == addresses[i, 2]
                and (
                    addresses[i, 1] > addresses[i, 3]
                    or (addresses[i, 1] == addresses[i, 3] and src_ports[i] > dst_ports[i])
                )
            )
            first = 2 if later else 0
        size = 4 if versions[i] == 4 else 8
        block[:] = 0
        at = 2
        for end in (first, 2 - first):
            if size == 8:
                at = put(block, at, addresses[i, end], 8)
            at = put(block, at, addresses[i, end + 1], size)
        at = put(block, at, np.uint64(protocol), 1) + 1
        if protocol in (TCP, UDP, ICMP, ICMP6, 132):
            low = dst_ports[i] if first else src_ports[i]
            high = src_ports[i] if first else dst_ports[i]
            at = put(block, at, np.uint64(low), 2)
            at = put(block, at, np.uint64(high), 2)
        block[at] = 0x80
        put(block, 56, np.uint64(8 * at), 8)
        sha1_block(block, schedule, digest)
        begin = COMMUNITY_ID_CHARACTERS * i
        text[begin] = DIGITS[1]
        text[begin + 1] = COLON
        write_base64(digest, text, begin + 2)
