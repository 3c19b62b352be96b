"""Names by signature: what the first bytes look like, from a table of patterns as data (`signatures.toml`)."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.flows.first_bytes import FirstBytes
from oddflow.flows.naming import _signature_kernels as compiled
from oddflow.flows.naming.names import name_array

TABLE = Path(__file__).with_name("signatures.toml")
OVER = {"any": compiled.OVER_ANY, "stream": compiled.OVER_STREAM, "datagram": compiled.OVER_DATAGRAM}
LONGEST_NUMBER = 4
MOST_PORTS = 255
COMMON = b"\0\r\n etaoinsrhldcum.-/=,;0123456789"
LETTERS = b"abcdefghijklmnopqrstuvwxyz"
TOKEN = re.compile(r"\s*(?:(~?)'([^']*)'|([0-9a-f?]{2})(?![0-9a-f?]))", re.IGNORECASE)
PLACED = re.compile(r"(@|<)(\d+)\s+(.+)")
LENGTH = re.compile(r"length\s+(\d+)-(\d+)")
NUMBER = re.compile(r"number\s+(\d)@(\d+)\s+(\d+)-(\d+)(\s+little)?")
FITS = re.compile(r"fits\s+(\d)@(\d+)(?:\s+\+(\d+))?(\s+little)?")
SAME = re.compile(r"same\s+(\d+)@(\d+)")


@dataclass(frozen=True, slots=True)
class Signatures:
    """The compiled table: arrays as `match_signatures` takes them, and the names by number."""

    signatures: NDArray[np.int64]
    conditions: NDArray[np.int64]
    pool: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    by_start: NDArray[np.uint64]
    port_class: NDArray[np.uint8]
    by_port: NDArray[np.uint64]
    names: tuple[str, ...]


def pattern(text: str) -> tuple[bytes, bytes]:
    """Bytes and mask of a pattern: hexadecimal pairs with ? for any digit, 'text', ~'text in any case'.

    >>> pattern("ff 5?"), pattern("~'a1'")
    ((b'\\xffP', b'\\xff\\xf0'), (b'a1', b'\\xdf\\xff'))
    """
    held, mask, at = bytearray(), bytearray(), 0
    text = text.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise UsageError(f"signature pattern {text!r}: hexadecimal pairs or 'text' expected at {text[at:]!r}")
        fold, letters, pair = token.groups()
        if pair is not None:
            held.append(int(pair.replace("?", "0"), 16))
            mask.append(int("".join("0" if digit == "?" else "f" for digit in pair), 16))
        else:
            held += letters.encode("ascii")
            mask += bytes(0xDF if fold and letter.isalpha() else 0xFF for letter in letters)
        at = token.end()
    if not held:
        raise UsageError("signature pattern without any byte: hexadecimal pairs or 'text' expected")
    return bytes(held), bytes(mask)


def _anchor(held: bytes, mask: bytes) -> int:
    """Which byte of a pattern to look for: a rare one that must be just so, or NO_ANCHOR."""
    places = [place for place, asked in enumerate(mask) if asked == 255]
    rarest = min(places, key=lambda place: (held[place] in COMMON, held[place] in LETTERS, place), default=None)
    return compiled.NO_ANCHOR if rarest is None else rarest


def _condition(text: str, side: int, pool: bytearray, masks: bytearray) -> list[int]:
    """One row of conditions; adds its bytes to the pool."""
    row = [0] * compiled.CONDITION_FIELDS
    row[compiled.SIDE] = side
    if found := PLACED.fullmatch(text):
        held, mask = pattern(found[3])
        row[compiled.OPERATION] = compiled.BYTES if found[1] == "@" else compiled.SEARCH
        row[compiled.AT], row[compiled.SIZE], row[compiled.POOL] = int(found[2]), len(held), len(pool)
        if found[1] == "<":
            row[compiled.ANCHOR] = _anchor(held, mask)
        pool += bytes(byte & kept for byte, kept in zip(held, mask, strict=True))
        masks += mask
    elif found := LENGTH.fullmatch(text):
        row[compiled.OPERATION], row[compiled.LOW], row[compiled.HIGH] = compiled.LENGTH, int(found[1]), int(found[2])
    elif found := NUMBER.fullmatch(text):
        row[compiled.OPERATION], row[compiled.SIZE], row[compiled.AT] = compiled.NUMBER, int(found[1]), int(found[2])
        row[compiled.LOW], row[compiled.HIGH], row[compiled.IS_LITTLE] = int(found[3]), int(found[4]), bool(found[5])
    elif found := FITS.fullmatch(text):
        row[compiled.OPERATION], row[compiled.SIZE], row[compiled.AT] = compiled.FITS, int(found[1]), int(found[2])
        row[compiled.LOW], row[compiled.IS_LITTLE] = int(found[3] or 0), bool(found[4])
    elif found := SAME.fullmatch(text):
        row[compiled.OPERATION], row[compiled.SIZE], row[compiled.AT] = compiled.SAME, int(found[1]), int(found[2])
    else:
        raise UsageError(
            f"signature condition {text!r} is none: '@4 ff 53', \"<64 'text'\", 'length 1-9', 'number 2@0 1-9', "
            "'fits 2@0 +2' or 'same 4@8' expected"
        )
    if row[compiled.OPERATION] in (compiled.NUMBER, compiled.FITS) and row[compiled.SIZE] > LONGEST_NUMBER:
        raise UsageError(f"signature condition {text!r}: a number has at most {LONGEST_NUMBER} bytes")
    return row


def _bits(leaves: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(…, s) booleans as (…, w) words of 64 bits, the first signature lowest."""
    room = -leaves.shape[-1] % 64
    padded = np.concatenate([leaves, np.zeros((*leaves.shape[:-1], room), np.bool_)], axis=-1)
    return np.packbits(padded, axis=-1, bitorder="little").view(np.uint64)


def _first_bytes(condition: NDArray[np.int64], pool: bytes, masks: bytes) -> NDArray[np.bool_]:
    """(FIRST_BYTES,): whether a condition may hold of a side that starts so."""
    left = np.ones(compiled.FIRST_BYTES, np.bool_)
    left[compiled.NO_BYTE] = False
    values = np.arange(256)
    if condition[compiled.AT] == 0 and condition[compiled.OPERATION] == compiled.BYTES:
        left[:256] = (values ^ pool[condition[compiled.POOL]]) & masks[condition[compiled.POOL]] == 0
    is_byte = condition[compiled.SIZE] == 1 and condition[compiled.AT] == 0
    if is_byte and condition[compiled.OPERATION] == compiled.NUMBER:
        left[:256] = (values >= condition[compiled.LOW]) & (values <= condition[compiled.HIGH])
    return left


def _by_start(
    signatures: NDArray[np.int64], conditions: NDArray[np.int64], pool: bytes, masks: bytes
) -> NDArray[np.uint64]:
    """The index by first bytes, as `match_signatures` takes it."""
    left = np.ones((2, 2, compiled.FIRST_BYTES, len(signatures)), np.bool_)
    for number, signature in enumerate(signatures):
        for condition in conditions[signature[compiled.FIRST_CONDITION] : signature[compiled.LAST_CONDITION]]:
            left[:, condition[compiled.SIDE], :, number] &= _first_bytes(condition, pool, masks)
    left[0, 0, :, signatures[:, compiled.OVER] == compiled.OVER_DATAGRAM] = False
    left[1, 0, :, signatures[:, compiled.OVER] == compiled.OVER_STREAM] = False
    return _bits(left).reshape(4, compiled.FIRST_BYTES, -1)


def _by_port(ports: list[list[int]]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """(class of each port, the signatures that each class leaves): a signature without ports is left by all."""
    named = sorted({port for asked in ports for port in asked})
    if len(named) > MOST_PORTS:
        raise UsageError(f"signatures name {len(named)} ports: at most {MOST_PORTS} expected")
    classes = np.zeros(65536, np.uint8)
    classes[named] = np.arange(1, len(named) + 1)
    left = np.array([[not asked or port in asked for asked in ports] for port in (None, *named)], np.bool_)
    return classes, _bits(left.reshape(len(named) + 1, len(ports)))


def compile_signatures(table: list[dict[str, Any]]) -> Signatures:
    """Compiles rows like those of `signatures.toml`.

    Raises:
        UsageError: A row is not one; the message names it.
    """
    pool, masks = bytearray(), bytearray()
    conditions: list[list[int]] = []
    rows: list[list[int]] = []
    names = list(dict.fromkeys(str(row["name"]) for row in table))
    for row in table:
        unknown = set(row) - {"name", "over", "client", "server", "ports"}
        if unknown or row.get("over") not in OVER or not (row.get("client") or row.get("server")):
            raise UsageError(f"signature {row}: name, over ({', '.join(OVER)}), client or server conditions expected")
        fields = [0] * compiled.SIGNATURE_FIELDS
        fields[compiled.OVER], fields[compiled.NAME] = OVER[row["over"]], names.index(row["name"])
        fields[compiled.FIRST_CONDITION] = len(conditions)
        conditions += [_condition(text, 0, pool, masks) for text in row.get("client", [])]
        conditions += [_condition(text, 1, pool, masks) for text in row.get("server", [])]
        fields[compiled.LAST_CONDITION] = len(conditions)
        rows.append(fields)
    signatures = np.array(rows, np.int64).reshape(-1, compiled.SIGNATURE_FIELDS)
    asked = np.array(conditions, np.int64).reshape(-1, compiled.CONDITION_FIELDS)
    classes, by_port = _by_port([row.get("ports", []) for row in table])
    return Signatures(
        signatures,
        asked,
        np.frombuffer(pool, np.uint8),
        np.frombuffer(masks, np.uint8),
        _by_start(signatures, asked, bytes(pool), bytes(masks)),
        classes,
        by_port,
        tuple(names),
    )


@cache
def shipped_signatures() -> Signatures:
    """The table that comes with Oddflow."""
    with TABLE.open("rb") as file:
        return compile_signatures(tomllib.load(file)["signatures"])


def names_by_signature(first: FirstBytes, table: Signatures | None = None) -> pa.DictionaryArray:
    """The application that each flow's first bytes look like, (n,); null where no signature fits."""
    table = table or shipped_signatures()
    numbers = np.empty(len(first), np.int16)
    compiled.match_signatures(
        first.client, first.client_offsets, first.server, first.server_offsets, first.protocol, first.src_port,
        first.dst_port, table.signatures, table.conditions, table.pool, table.masks, table.by_start, table.port_class,
        table.by_port, numbers,
    )  # fmt: skip
    return name_array(numbers, table.names)
