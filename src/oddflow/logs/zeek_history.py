"""What Zeek's `history` and `conn_state` soundly tell of a connection: flags, its end, who began it."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.schema import DirectionBy, FlowEnd

TCP = 6
ENDED = ("SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH")
"""States of TCP connections that a FIN both ways or a RST ended."""

_LETTERS = {"syn": "sh", "fin": "f", "rst": "r"}
_UNSURE = "qc"
"""Several flags in one packet that should not stand together; a packet with a bad checksum, not looked into."""

_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


def flag_columns(history: Any, protocol: Any, packets: dict[str, Any]) -> dict[str, Any]:
    """Counts of TCP flags, (n,) uint32 each, as far as they are sure.

    A letter stands in the history once, however often its flag was seen: what has no letter was not seen, and where
    a direction has one packet, a letter is that packet. All else is null; other protocols have no flags.

    Args:
        history: Zeek's history, (n,) strings.
        protocol: (n,) uint8.
        packets: Of "forward" and "reverse", (n,) uint64.
    """
    texts = history.dictionary_encode()
    known = [text or "" for text in texts.dictionary.to_pylist()]
    places = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    is_tcp = protocol.fill_null(0).to_numpy(zero_copy_only=False) == TCP
    columns = {}
    for way, turn in (("forward", str.upper), ("reverse", str.lower)):
        is_one = packets[way].fill_null(0).to_numpy(zero_copy_only=False) == 1
        for flag in _FLAGS:
            letters = turn(_LETTERS.get(flag, ""))
            seen = _told(known, places, [_has(text, letters) for text in known])
            sure = _told(known, places, ["^" not in text and not _has(text, turn(_UNSURE)) for text in known])
            is_known = sure & (~seen | is_one) if letters else np.zeros(len(places), np.bool_)
            columns[f"{way}_{flag}"] = pa.array((seen & is_tcp).astype(np.uint32), mask=is_tcp & ~is_known)
    return columns


def direction_by(history: Any, protocol: Any) -> Any:
    """How Zeek told who began, (n,) uint8: by a SYN, or by the first packet; null where it turned them round."""
    texts = history.dictionary_encode()
    found = [_direction(text) for text in texts.dictionary.to_pylist()]
    by = pa.array(found, pa.uint8()).take(texts.indices)
    is_tcp = np.equal(protocol.fill_null(0).to_numpy(zero_copy_only=False), TCP)
    is_syn = by.fill_null(0).to_numpy(zero_copy_only=False) == DirectionBy.SYN
    return pa.array(
        np.where(is_syn & ~is_tcp, DirectionBy.FIRST_PACKET, by.fill_null(0).to_numpy(zero_copy_only=False)),
        pa.uint8(),
        mask=np.asarray(by.is_null().to_numpy(zero_copy_only=False), np.bool_),
    )


def end_reason(state: Any, protocol: Any) -> Any:
    """FlowEnd, (n,) uint8: END_OF_FLOW for TCP connections that were closed; else null, for Zeek does not say."""
    texts = state.dictionary_encode()
    ended = pa.array([text in ENDED for text in texts.dictionary.to_pylist()], pa.bool_()).take(texts.indices)
    is_tcp = protocol.fill_null(0).to_numpy(zero_copy_only=False) == TCP
    known = np.asarray(ended.fill_null(False).to_numpy(zero_copy_only=False), np.bool_) & is_tcp
    return pa.array(np.full(len(known), FlowEnd.END_OF_FLOW, np.uint8), mask=~known)


def _has(text: str, letters: str) -> bool:
    return any(letter in text for letter in letters)


def _told(known: list[str], places: NDArray[Any], facts: list[bool]) -> NDArray[np.bool_]:
    """A fact of each distinct history, for n rows; False where there is none."""
    table = np.array([*facts, False], np.bool_)  # -1 takes the last
    return np.asarray(table[places], np.bool_) if known else np.zeros(len(places), np.bool_)


def _direction(text: str | None) -> int | None:
    if not text or "^" in text:
        return None
    if "S" in text:
        return DirectionBy.SYN
    return DirectionBy.FIRST_PACKET if text[0].isupper() else None
