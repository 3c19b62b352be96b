"""The TLS ClientHello inside QUIC's Initial packets: anyone who sees the first of them can take it out.

Sources: RFC 9000 (packets, frames), RFC 9001 section 5 (keys, header protection), RFC 9369 (version 2).
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

SALT_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
SALT_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
SALT_DRAFT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
SALT_DRAFT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
VERSION_1, VERSION_2, MVFST_27 = 1, 0x6B3343CF, 0xFACEB002
MOST_PACKETS = 24
"""How many Initial packets of a flow are tried."""
TAG_BYTES = 16
PADDING, PING, ACK, ACK_ECN, CRYPTO, CLOSE = 0, 1, 2, 3, 6, 0x1C


class _Malformed(Exception):
    """The bytes end, or mean nothing."""


def _salts(version: int) -> tuple[bytes, ...]:
    if version == VERSION_1:
        return (SALT_V1,)
    if version == VERSION_2:
        return (SALT_V2,)
    if 0xFF00001D <= version <= 0xFF000022:
        return (SALT_DRAFT_29,)
    if 0xFF000017 <= version <= 0xFF00001C or version == MVFST_27:
        return (SALT_DRAFT_23,)
    if version & 0x0F0F0F0F == 0x0A0A0A0A:
        # A version that only provokes negotiation (RFC 9000 section 6.3): clients use the keys of one they speak.
        return SALT_V1, SALT_DRAFT_29
    return ()


def _expand(secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context, for at most 32 bytes."""
    name = b"tls13 " + label.encode()
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return hmac.digest(secret, info + b"\1", "sha256")[:size]


@dataclass(frozen=True, slots=True)
class Keys:
    """The client's Initial keys: of the payload, its nonce, and of header protection."""

    key: bytes
    nonce: bytes
    header: bytes


@lru_cache(maxsize=256)
def client_keys(version: int, connection_id: bytes) -> tuple[Keys, ...]:
    """The keys that a client's Initial packets may have (RFC 9001 section 5.2); none for a version without known ones.

    >>> client_keys(1, bytes.fromhex("8394c8f03e515708"))[0].key.hex()  # RFC 9001 appendix A.1
    '1f369613dd76d5467730efcbe3b1a22d'
    """
    label = "quicv2 " if version == VERSION_2 else "quic "
    sizes = (("key", 16), ("iv", 12), ("hp", 16))
    secrets = [_expand(hmac.digest(salt, connection_id, "sha256"), "client in", 32) for salt in _salts(version)]
    return tuple(Keys(*(_expand(secret, label + name, size) for name, size in sizes)) for secret in secrets)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 section 16) and the offset after it."""
    if at >= len(data):
        raise _Malformed
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise _Malformed
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


@dataclass(frozen=True, slots=True)
class Initial:
    """One protected Initial packet: its bytes from the first one, where the packet number is, and if it is cut."""

    version: int
    connection_id: bytes
    packet: bytes
    number_at: int
    is_cut: bool


def _long_packet(data: bytes) -> tuple[Initial | None, int]:
    """A datagram's first packet, if it is an Initial one, and the offset of the next packet."""
    if len(data) < 7 or not data[0] & 0x80:
        raise _Malformed
    version = int.from_bytes(data[1:5], "big")
    kind = (data[0] >> 4) & 3
    connection_id = data[6 : 6 + data[5]]
    at = 6 + data[5]
    if data[5] > 20 or at >= len(data):
        raise _Malformed
    at += 1 + data[at]
    # Initial, 0-RTT, Handshake, Retry are 0 to 3, and 1, 2, 3, 0 in version 2.
    kind = (kind - 1) % 4 if version == VERSION_2 else kind
    if kind == 3:
        raise _Malformed
    if kind == 0:
        size, at = _number(data, at)
        at += size
    size, at = _number(data, at)
    stop = at + size
    if kind != 0:
        return None, stop
    return Initial(version, connection_id, data[:stop], at, stop > len(data)), stop


def initial_packets(datagrams: bytes) -> Iterator[Initial]:
    """The Initial packets of datagrams, each of which stands behind its length (2 bytes); coalesced ones too."""
    at = 0
    while at + 2 <= len(datagrams):
        stop = at + 2 + int.from_bytes(datagrams[at : at + 2], "big")
        datagram = datagrams[at + 2 : stop]
        try:
            while datagram:
                packet, size = _long_packet(datagram)
                if packet is not None:
                    yield packet
                datagram = datagram[size:]
        except _Malformed:
            pass
        at = stop


def decrypted(initial: Initial, keys: Keys) -> bytes | None:
    """The frames of an Initial packet, or None where these are not its keys (RFC 9001 sections 5.3 and 5.4)."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - only flows that speak QUIC pay for it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    packet, at = initial.packet, initial.number_at
    sample = packet[at + 4 : at + 20]
    if len(sample) < 16:
        return None
    mask = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor().update(sample)  # noqa: S305 - as RFC 9001 says
    first = packet[0] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    number = bytes(byte ^ other for byte, other in zip(packet[at : at + size], mask[1:], strict=False))
    nonce = (int.from_bytes(keys.nonce, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    sealed = packet[at + size :]
    if initial.is_cut:
        # The tag is not there: what is there is decrypted on trust (GCM's counter begins at 2).
        counter = modes.CTR(nonce + (2).to_bytes(4, "big"))
        return Cipher(algorithms.AES(keys.key), counter).decryptor().update(sealed)
    try:
        return AESGCM(keys.key).decrypt(nonce, sealed, bytes([first]) + packet[1:at] + number)
    except InvalidTag:
        return None


def _skip_ack(frames: bytes, at: int, *, with_ecn: bool) -> int:
    for _ in range(2):
        _, at = _number(frames, at)
    ranges, at = _number(frames, at)
    for _ in range(1 + 2 * ranges + (3 if with_ecn else 0)):
        _, at = _number(frames, at)
    return at


def crypto_pieces(frames: bytes) -> Iterator[tuple[int, bytes]]:
    """The CRYPTO frames (RFC 9000 section 19.6) among frames: offset and bytes; ends at what it does not know."""
    at = 0
    try:
        while at < len(frames):
            kind = frames[at]
            at += 1
            if kind in (PADDING, PING):
                continue
            if kind in (ACK, ACK_ECN):
                at = _skip_ack(frames, at, with_ecn=kind == ACK_ECN)
            elif kind == CRYPTO:
                offset, at = _number(frames, at)
                size, at = _number(frames, at)
                yield offset, frames[at : at + size]
                at += size
            else:
                return
    except _Malformed:
        return


def joined(pieces: list[tuple[int, bytes]]) -> bytes:
    """The bytes from offset 0 without a hole that pieces give, in whatever order and overlap they came."""
    whole = b""
    for offset, piece in sorted(pieces, key=lambda pair: pair[0]):
        if offset > len(whole):
            break
        whole += piece[len(whole) - offset :]
    return whole


def client_hello(datagrams: bytes) -> tuple[bytes, bool]:
    """The TLS ClientHello of a client's datagrams, as far as it is there, and whether it is whole.

    Args:
        datagrams: The client's first datagrams, each behind its length (2 bytes, network order).
    """
    pieces: list[tuple[int, bytes]] = []
    keys: Keys | None = None
    hello = b""
    frames: bytes | None
    for count, initial in enumerate(initial_packets(datagrams)):
        if count == MOST_PACKETS:
            break
        frames = decrypted(initial, keys) if keys is not None else None
        if frames is None:
            # The first packet, or the first one after a Retry or another version: its own ID gives the keys.
            for own in client_keys(initial.version, initial.connection_id):
                frames = decrypted(initial, own) if own != keys else None
                if frames is not None:
                    keys, pieces = own, []
                    break
            if frames is None:
                continue
        pieces += crypto_pieces(frames)
        hello = joined(pieces)
        if len(hello) >= 4 and hello[0] == 1 and len(hello) >= 4 + int.from_bytes(hello[1:4], "big"):
            return hello[: 4 + int.from_bytes(hello[1:4], "big")], True
    return hello if hello[:1] == b"\1" else b"", False
