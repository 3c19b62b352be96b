"""Records that wait, by their id, for another log's record of the same id; in bounded memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ID_CHARACTERS = 24
"""Zeek's ids have at most 23 characters (128 bits and a letter); a longer one joins nothing."""

_MIX = tuple(np.uint64(odd) for odd in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15))


def id_hashes(ids: Any) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """64-bit hashes of ids, (n,) uint64, and which of them can be joined, (n,).

    Two of a million different ids have the same hash with a probability of 3 in 100 million.

    Args:
        ids: ASCII strings, (n,).
    """
    if not len(ids):
        return np.empty(0, np.uint64), np.empty(0, np.bool_)
    ids = pc.fill_null(ids, "")
    length = pc.binary_length(ids).to_numpy(zero_copy_only=False)
    padded = pc.ascii_rpad(pc.utf8_slice_codeunits(ids, 0, ID_CHARACTERS), ID_CHARACTERS, padding="\0")
    start = padded.offset * ID_CHARACTERS
    words = np.frombuffer(padded.buffers()[2], np.uint64, 3 * len(ids), start).reshape(-1, 3)
    mixed = np.zeros(len(ids), np.uint64)
    for place, odd in enumerate(_MIX):
        mixed = (mixed + words[:, place]) * odd
        mixed ^= mixed >> np.uint64(29)
    return mixed, (length > 0) & (length <= ID_CHARACTERS)


@dataclass(slots=True)
class _Piece:
    """Some waiting records, sorted by hash, each hash once.

    Attributes:
        hashes: (m,) uint64. order: (m,) int64, in which they came. was_taken: (m,), whether what they wait for came.
        columns: m rows.
    """

    hashes: NDArray[np.uint64]
    order: NDArray[np.int64]
    was_taken: NDArray[np.bool_]
    columns: Any

    @property
    def bytes(self) -> int:
        return int(self.hashes.nbytes + self.order.nbytes + self.was_taken.nbytes + self.columns.nbytes)

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], order: NDArray[np.int64], columns: Any) -> "_Piece":
        """Sorts; of equal hashes the one that came first stays."""
        places = np.lexsort((order, hashes))
        ranked = hashes[places]
        is_first = np.ones(len(places), np.bool_)
        is_first[1:] = ranked[1:] != ranked[:-1]
        places = places[is_first]
        return cls(hashes[places], order[places], np.zeros(len(places), np.bool_), columns.take(pa.array(places)))

    def merged(self, later: "_Piece", *, since: int = 0) -> "_Piece":
        """Both without what was taken, and without what came before `since`."""
        kept = [piece.kept(since) for piece in (self, later)]
        return _Piece.of(
            np.concatenate([hashes for hashes, _, _ in kept]),
            np.concatenate([order for _, order, _ in kept]),
            pa.concat_batches([columns for _, _, columns in kept]),
        )

    def kept(self, since: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], Any]:
        keeps = ~self.was_taken & (self.order >= since)
        return self.hashes[keeps], self.order[keeps], self.columns.filter(pa.array(keeps))


class Waiting:
    """Records of one log that wait for the connection that they belong to.

    Pieces of about doubling size hold them, so that adding and finding both cost little.

    Args:
        schema: Of their columns.
        most_bytes: The most memory for them; the older half is given up when there are more.

    Attributes:
        given_up: How many were given up before they were asked for.
    """

    def __init__(self, schema: Any, most_bytes: int) -> None:
        self.given_up = 0
        self._schema = schema
        self._most_bytes = most_bytes
        self._pieces: list[_Piece] = []
        self._came = 0

    @property
    def bytes(self) -> int:
        """Memory held."""
        return sum(piece.bytes for piece in self._pieces)

    def add(self, ids: Any, columns: Any) -> None:
        """Takes records: their ids, (n,) strings, and their columns, n rows; of an id the first record holds."""
        hashes, joins = id_hashes(ids)
        order = np.arange(self._came, self._came + len(hashes))
        self._came += len(hashes)
        if not joins.any():
            return
        self._pieces.append(_Piece.of(hashes[joins], order[joins], columns.filter(pa.array(joins))))
        while len(self._pieces) > 1 and len(self._pieces[-2].hashes) <= 2 * len(self._pieces[-1].hashes):
            later = self._pieces.pop()
            self._pieces.append(self._pieces.pop().merged(later))
        if self.bytes > self._most_bytes:
            self._make_room()

    def take(self, ids: Any) -> dict[str, Any]:
        """The columns of the records with these ids, (n,) each, null where there is none."""
        wanted, joins = id_hashes(ids)
        found = {field.name: pa.nulls(len(wanted), field.type) for field in self._schema}
        missing = joins.copy()
        for piece in self._pieces:
            places = np.minimum(np.searchsorted(piece.hashes, wanted), len(piece.hashes) - 1)
            hits = joins & (piece.hashes[places] == wanted)
            if not hits.any():
                continue
            piece.was_taken[places[hits]] = True
            hits &= missing
            missing &= ~hits
            mask, rows = pa.array(hits), piece.columns.take(pa.array(places[hits]))
            found = {name: pc.replace_with_mask(column, mask, rows.column(name)) for name, column in found.items()}
        return found

    def _make_room(self) -> None:
        whole = self._pieces[0]
        for piece in self._pieces[1:]:
            whole = whole.merged(piece)
        self._pieces = [whole]
        if self.bytes <= self._most_bytes // 2:
            return
        since = int(np.median(whole.order))
        self.given_up += int((whole.order < since).sum())
        hashes, order, columns = whole.kept(since)
        self._pieces = [_Piece.of(hashes, order, columns)] if len(hashes) else []
