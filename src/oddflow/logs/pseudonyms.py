"""Keyed, stable pseudonyms for all in a flow record that names a host, a person or a place.

Addresses are mapped by Crypto-PAn, names and identifiers by a keyed hash (BLAKE2b, RFC 7693). Ports, protocols, times,
counters, fingerprints of software (JA3, JA4) and what applications were found stay as they are.
"""

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.capture.extraction import TYPE_PAIRS
from oddflow.errors import UsageError
from oddflow.flows._text_kernels import COMMUNITY_ID_CHARACTERS, COMMUNITY_ID_PAIRS, write_community_ids
from oddflow.logs.cryptopan import CryptoPan
from oddflow.logs.keys import fingerprint_of, read_key

ADDRESSES = ("src_ip", "dst_ip", "tunnel_src_ip", "tunnel_dst_ip")
MACS = ("src_mac", "dst_mac")
HOST_NAMES = ("tls_sni", "dns_query", "http_host")
"""Their labels are mapped one by one, each with what stands to its right: what shares a domain goes on sharing it."""
TOKENS = ("http_user_agent", "ssh_client", "ssh_server", "record_id", "exporter", "capture")

MOST_REMEMBERED = 131_072
"""Texts of one kind whose pseudonyms are at hand: about 30 MB."""
ICMP, ICMP6 = 1, 58
SAME_FOR_ALL = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
"""Ethernet addresses that name nobody."""


class Pseudonyms:
    """Makes pseudonyms with one key; safe to use from several threads.

    Attributes:
        fingerprint: Names the key: what models, tables and alerts say of it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pan = CryptoPan(key)
        self.fingerprint = fingerprint_of(key)
        self._makers: dict[str, _Remembering] = {
            **dict.fromkeys(ADDRESSES, _Remembering(self._addresses)),
            **dict.fromkeys(MACS, _Remembering(lambda texts: [self._mac(text) for text in texts])),
            **dict.fromkeys(HOST_NAMES, _Remembering(lambda texts: [self.host_name(text) for text in texts])),
            **dict.fromkeys(TOKENS, _Remembering(lambda texts: [self.token(text) for text in texts])),
        }

    @classmethod
    def read(cls, path: str) -> "Pseudonyms":
        """Those of a key file; raises what `read_key` raises."""
        return cls(read_key(path))

    def apply(self, flows: pa.RecordBatch) -> pa.RecordBatch:
        """The same flows under pseudonyms, other columns as they are; Community IDs are those of the pseudonyms."""
        columns = {name: flows.column(name) for name in flows.schema.names}
        for name, maker in self._makers.items():
            columns[name] = maker.column(columns[name])
        columns["community_id"] = community_ids(columns)
        return pa.record_batch(list(columns.values()), schema=flows.schema)

    def address(self, text: str) -> str:
        """The pseudonym of one address; what is none gets a token."""
        return self._addresses([text])[0]

    def address_back(self, text: str) -> str:
        """The address behind a pseudonym; raises ValueError for what is no address."""
        return self._pan.back([text])[0]

    def networks(self, networks: tuple[str, ...]) -> tuple[str, ...]:
        """The networks that hold the pseudonyms of these networks' addresses; raises UsageError for what is none."""
        return self._each(networks, self._pan.network)

    def networks_back(self, networks: tuple[str, ...]) -> tuple[str, ...]:
        """The networks behind those of pseudonyms; raises UsageError for what is none."""
        return self._each(networks, self._pan.network_back)

    def _each(self, networks: tuple[str, ...], way: Callable[[str], str]) -> tuple[str, ...]:
        try:
            return tuple(way(text) for text in networks)
        except ValueError as error:
            raise UsageError(f"a network is wrong: {error}; expected one like 10.0.0.0/8") from None

    def token(self, text: str) -> str:
        """A name that says nothing: 13 letters and digits, the same for the same text."""
        return base64.b32encode(self._hash(b"token", text)).decode().rstrip("=").lower()

    def host_name(self, text: str) -> str:
        """A host's name, label by label; an address that stands for one is mapped as addresses are."""
        name, colon, port = text.lower().rpartition(":")
        if not (colon and port.isdigit() and "]" not in port):
            name, colon, port = text.lower(), "", ""
        bare = name.removeprefix("[").removesuffix("]")
        with suppress(ValueError):
            mapped = str(ip_address(self._pan.pseudonyms([bare])[0]))
            return (f"[{mapped}]" if name.startswith("[") else mapped) + colon + port
        labels = name.split(".")
        made = [self.token(".".join(labels[place:])) if labels[place] else "" for place in range(len(labels))]
        return ".".join(made) + colon + port

    def _addresses(self, texts: list[str]) -> list[str]:
        try:
            return self._pan.pseudonyms(texts)
        except ValueError:
            return [self._address_or_token(text) for text in texts]

    def _address_or_token(self, text: str) -> str:
        try:
            return self._pan.pseudonyms([text])[0]
        except ValueError:
            return self.token(text)

    def _mac(self, text: str) -> str:
        """Another address, of a group or local where this one is."""
        if text in SAME_FOR_ALL:
            return text
        made = bytearray(self._hash(b"mac", text)[:6])
        with suppress(ValueError):
            made[0] = made[0] & 0xFC | int(text[:2], 16) & 0x03
        return made.hex(":")

    def _hash(self, kind: bytes, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8, person=kind).digest()


class _Remembering:
    """Maps text columns, each distinct text once while it is remembered: what was met lately is."""

    def __init__(self, make: Callable[[list[str]], list[str]]) -> None:
        self._make = make
        self._lately: dict[str, str] = {}
        self._before: dict[str, str] = {}

    def column(self, column: Any) -> Any:
        """A text column, mapped; null stays null."""
        if column.null_count == len(column):
            return column
        encoded = column.dictionary_encode()
        texts: list[str] = encoded.dictionary.to_pylist()
        known = self._known(texts)
        return pa.array([known[text] for text in texts], pa.string()).take(encoded.indices)

    def _known(self, texts: list[str]) -> dict[str, str]:
        lately, before = self._lately, self._before
        found = {text: made for text in texts if (made := lately.get(text) or before.get(text)) is not None}
        missing = [text for text in texts if text not in found]
        found |= zip(missing, self._make(missing), strict=True) if missing else {}
        if len(lately) + len(found) > MOST_REMEMBERED // 2:
            self._lately, self._before = found, lately
        else:
            lately |= found
        return found


def community_ids(columns: dict[str, Any]) -> Any:
    """Community IDs 1.0 of flows by their columns, where they have one: (n,) text.

    Source: https://github.com/corelight/community-id-spec
    """
    given = columns["community_id"]
    if given.null_count == len(given):
        return given
    src, versions = _words(columns["src_ip"])
    dst, others = _words(columns["dst_ip"])
    src_ports, dst_ports = _ports(columns)
    pairs = np.zeros(COMMUNITY_ID_PAIRS * len(given), np.uint16)
    protocols = _integers(columns["protocol"])
    words = np.ascontiguousarray(np.concatenate([src, dst], axis=1).T)
    write_community_ids(words, src_ports, dst_ports, protocols, versions, pairs)
    made = pa.array(pairs.view(f"S{COMMUNITY_ID_CHARACTERS}").astype(str), pa.string())
    known = pc.and_(given.is_valid(), pa.array((versions > 0) & (versions == others)))
    return pc.if_else(known, made, pa.scalar(None, pa.string()))


def _words(column: Any) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Both halves of addresses, (n, 2), and their versions, (n,): 0 for what is no address."""
    encoded = column.dictionary_encode()
    numbers: list[tuple[int, int]] = []
    versions: list[int] = []
    for text in encoded.dictionary.to_pylist():
        try:
            address = ip_address(text)
            numbers.append(divmod(int(address), 1 << 64))
            versions.append(address.version)
        except ValueError:
            numbers.append((0, 0))
            versions.append(0)
    places = pc.fill_null(encoded.indices, len(versions)).to_numpy(zero_copy_only=False)
    words = np.array([*numbers, (0, 0)], np.uint64)
    return words[places], np.array([*versions, 0], np.int64)[places]


def _ports(columns: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ports, or ICMP's type and its counterpart, else its code; each (n,)."""
    src, dst = _integers(columns["src_port"]), _integers(columns["dst_port"])
    kinds, codes = _integers(columns["icmp_type"]), _integers(columns["icmp_code"])
    protocols = _integers(columns["protocol"])
    for protocol in (ICMP, ICMP6):
        pairs = TYPE_PAIRS[protocol] | {answer: asked for asked, answer in TYPE_PAIRS[protocol].items()}
        counterparts = np.array([pairs.get(kind, -1) for kind in range(256)])[kinds]
        rows = protocols == protocol
        src = np.where(rows, kinds, src)
        dst = np.where(rows, np.where(counterparts >= 0, counterparts, codes), dst)
    return src, dst


def _integers(column: Any) -> NDArray[np.int64]:
    return np.array(pc.fill_null(column, 0).cast(pa.int64()).to_numpy(zero_copy_only=False))
