"""Prefix-preserving pseudonyms of IP addresses: Crypto-PAn.

Two addresses that share their first k bits have pseudonyms that share exactly k bits, so networks stay networks; only
who holds the key can go back. One to one, the same for the same key wherever it runs.

Source: Xu, Fan, Ammar, Moon, "Prefix-Preserving IP Address Anonymization", ICNP 2002; Fan et al., Computer Networks 46
(2004). IPv6 as the common implementations extend it: the same bits, 128 of them.
"""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

KEY_BYTES = 32
BLOCK = 16
MOST_BLOCKS = 1 << 18
"""Encrypted at a time: 4 MiB."""

Bytes = NDArray[np.uint8]
Way = Callable[[Bytes], Bytes]


class CryptoPan:
    """Maps addresses there and back.

    Args:
        key: 16 bytes for AES and 16 for the padding, as in the reference implementation.

    >>> CryptoPan(bytes(range(32))).back(CryptoPan(bytes(range(32))).pseudonyms(["192.0.2.1"]))
    ['192.0.2.1']
    """

    def __init__(self, key: bytes) -> None:
        self._key = key[:BLOCK]
        self._pad = np.frombuffer(self._encrypted(key[BLOCK:]), np.uint8)

    def pseudonyms(self, addresses: list[str]) -> list[str]:
        """The pseudonym of each address, in their order; raises ValueError for what is none."""
        return self._each(addresses, self._forward)

    def back(self, pseudonyms: list[str]) -> list[str]:
        """The address behind each pseudonym; raises ValueError for what is none."""
        return self._each(pseudonyms, self._backward)

    def network(self, text: str) -> str:
        """The network whose addresses are the pseudonyms of a network's; raises ValueError for what is none."""
        return self._network(text, self._forward)

    def network_back(self, text: str) -> str:
        """The network behind one of pseudonyms; raises ValueError for what is none."""
        return self._network(text, self._backward)

    def _each(self, addresses: list[str], way: Way) -> list[str]:
        parsed = [ip_address(text) for text in addresses]
        made = [""] * len(addresses)
        for version, width in ((4, 4), (6, 16)):
            places = [place for place, address in enumerate(parsed) if address.version == version]
            if places:
                packed = np.frombuffer(b"".join(parsed[place].packed for place in places), np.uint8)
                for place, found in zip(places, way(packed.reshape(-1, width)), strict=True):
                    made[place] = str(ip_address(found.tobytes()))
        return made

    def _network(self, text: str, way: Way) -> str:
        network: IPv4Network | IPv6Network = ip_network(text, strict=False)
        first = way(np.frombuffer(network.network_address.packed, np.uint8).reshape(1, -1))[0]
        return str(ip_network((first.tobytes(), network.prefixlen), strict=False))

    def _forward(self, addresses: Bytes) -> Bytes:
        """(n, w) -> (n, w) uint8."""
        bits = 8 * addresses.shape[1]
        step = MOST_BLOCKS // bits
        parts = [self._flips(addresses[at : at + step], range(bits)) for at in range(0, len(addresses), step)]
        return addresses ^ np.packbits(np.concatenate(parts), axis=1)

    def _backward(self, pseudonyms: Bytes) -> Bytes:
        """(n, w) -> (n, w) uint8: bit after bit, since each flip depends on the bits before it."""
        known = np.zeros_like(pseudonyms)
        for bit in range(8 * pseudonyms.shape[1]):
            flip = self._flips(known, range(bit, bit + 1))[:, 0] << (7 - bit % 8)
            mask = np.uint8(0x80 >> bit % 8)
            known[:, bit // 8] |= (pseudonyms[:, bit // 8] ^ flip) & mask
        return known

    def _flips(self, addresses: Bytes, bits: range) -> Bytes:
        """Whether each of these bits is flipped, (n, b) of 0 and 1: AES says, from the bits before it."""
        width = addresses.shape[1]
        masks = np.array([_first_bits(bit, width) for bit in bits], np.uint8)
        blocks = np.tile(self._pad, (len(addresses), len(bits), 1))
        blocks[:, :, :width] = (addresses[:, None, :] & masks) | (self._pad[:width] & ~masks)
        encrypted = np.frombuffer(self._encrypted(blocks.tobytes()), np.uint8)
        return encrypted.reshape(len(addresses), len(bits), BLOCK)[:, :, 0] >> np.uint8(7)

    def _encrypted(self, blocks: bytes) -> bytes:
        cipher = Cipher(algorithms.AES(self._key), modes.ECB())  # noqa: S305  (single blocks, as Crypto-PAn says)
        return cipher.encryptor().update(blocks)


def _first_bits(count: int, width: int) -> list[int]:
    number = ((1 << count) - 1) << (8 * width - count)
    return list(number.to_bytes(width, "big"))
