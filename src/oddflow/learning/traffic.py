"""The same flows as another sensor, or another day, would have shown them: what they are stays as it was.

Packets that a sensor missed, times that waver, flows that are cut early, lengths that are padded: each is done to the
packets of a flow, and only where all that a row tells can follow. Statistics alone do not say which packets there were,
so of them only times are stretched, with the rates that hang on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features import image, sequence, several
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS
from oddflow.features.several import Views
from oddflow.features.tabular import KINDS
from oddflow.features.versions import version_told_by
from oddflow.features.windows import WINDOWED
from oddflow.models.rows import Floats

LEAST_PADDED_BYTES = 81
"""Shorter packets may be mere headers (IPv4 or IPv6 and TCP with its options), which nobody pads."""
MOST_BYTES = 1_500
"""Of an Ethernet frame's packet: none is padded beyond it."""
_RATES = ("packets_per_s", "bytes_per_s")
_SHORTEST_S = 1e-3
"""Rates take shorter flows to last this long."""

Packets = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strengths:
    """How much traffic is changed; None is as usual, 0 not at all.

    Attributes:
        loss: Share of the packets behind the first that the sensor misses; 0.05 as usual.
        jitter: Standard deviation of the logarithm of what each gap is multiplied by; 0.2 as usual.
        truncate: Share of the flows that are cut early, anywhere behind their first packet or byte; 0.2 as usual.
        pad: The most bytes that a packet of more than 80 is padded by; 32 as usual.
    """

    loss: float | None = None
    jitter: float | None = None
    truncate: float | None = None
    pad: float | None = None

    def __post_init__(self) -> None:
        """Refuses what is out of its limits."""
        for name, most in (("loss", 0.9), ("jitter", 3.0), ("truncate", 1.0), ("pad", 1_400)):
            given = getattr(self, name)
            if given is not None and not 0 <= given <= most:
                raise UsageError(f"{name} of traffic must be from 0 to {most:g}; {given!r} given")


USUAL = Strengths(loss=0.05, jitter=0.2, truncate=0.2, pad=32)
_OFFERED = {
    sequence.VERSION: ("loss", "jitter", "truncate", "pad"),
    image.VERSION: ("truncate",),
    several.VERSION: ("jitter",),
    **dict.fromkeys([*KINDS, *WINDOWED], ("jitter",)),
}
"""By version: what can be done to its rows so that all that they tell agrees."""


def offered(features: Sequence[Feature]) -> tuple[str, ...]:
    """What can be done to rows of these columns.

    Raises:
        UsageError: Nothing: they are no rows of flows, or tell of many flows at once.
    """
    version = version_told_by(features)
    if version not in _OFFERED:
        what = f"rows of {version}" if version else "columns of a data set's own"
        raise UsageError(
            f"traffic is changed packet by packet, and {what} do not say which there were; use --augment smote, or a "
            "detector that reads packets, bytes or statistics of flows"
        )
    return _OFFERED[version]


def strengths_for(features: Sequence[Feature], given: Strengths) -> Strengths:
    """What is done to rows of these columns: as given, as usual where nothing is, and 0 where it cannot be done.

    Raises:
        UsageError: It is asked for and cannot be done.
    """
    can = offered(features)
    asked = [field.name for field in fields(Strengths) if getattr(given, field.name)]
    wrong = [name for name in asked if name not in can]
    if wrong:
        raise UsageError(
            f"of these rows, --augment traffic offers {', '.join(can)}, not {', '.join(wrong)}: what else they tell "
            "could not follow"
        )
    chosen = {name: getattr(given, name) if getattr(given, name) is not None else getattr(USUAL, name) for name in can}
    return Strengths(**{**dict.fromkeys(("loss", "jitter", "truncate", "pad"), 0.0), **chosen})


def changed(x: Floats, features: Sequence[Feature], given: Strengths, chance: Generator) -> Floats:
    """Rows as another sensor would have shown them: (n, d) -> (n, d).

    Args:
        x: Raw rows.
        features: Their columns.
        given: How much is changed.
        chance: Of all that is left to chance.

    Raises:
        UsageError: It cannot be done to such rows.
    """
    strengths, version = strengths_for(features, given), version_told_by(features)
    if version == image.VERSION:
        parts = np.split(x, x.shape[1] // PIXELS, axis=1)
        return np.concatenate([cut_bytes(part, strengths.truncate or 0.0, chance) for part in parts], axis=1)
    if version != sequence.VERSION:
        return stretched(x, features, np.exp(chance.normal(0, strengths.jitter or 0.0, len(x))))
    lengths, gaps_s = (half.astype(np.float64) for half in np.split(x, 2, axis=1))
    lengths, gaps_s = missed(lengths, gaps_s, strengths.loss or 0.0, chance)
    lengths, gaps_s = cut_packets(lengths, gaps_s, strengths.truncate or 0.0, chance)
    lengths = padded(lengths, strengths.pad or 0.0, chance)
    gaps_s = jittered(gaps_s, strengths.jitter or 0.0, chance)
    return np.concatenate([lengths, gaps_s], axis=1, dtype=np.float32, casting="same_kind")


def missed(lengths: Packets, gaps_s: Packets, share: float, chance: Generator) -> tuple[Packets, Packets]:
    """Packets that the sensor missed are left out, and time passes all the same: (n, p) twice -> (n, p) twice.

    The first packet stays: by it the initiator is known. What came behind the last that a row holds is not known, so a
    flow of more packets then looks shorter by those that were missed.
    """
    there = lengths != 0
    kept = there & (chance.random(lengths.shape) >= share)
    kept[:, 0] = there[:, 0]
    times_s = np.cumsum(gaps_s, axis=1)
    order = np.argsort(~kept, axis=1, kind="stable")  # those that are kept come first, as they came
    lengths = np.take_along_axis(np.where(kept, lengths, 0), order, axis=1)
    times_s = np.take_along_axis(times_s, order, axis=1)
    gaps_s = np.diff(times_s, axis=1, prepend=times_s[:, :1])
    return lengths, _microseconds(np.where(lengths != 0, gaps_s, 0))


def cut_packets(lengths: Packets, gaps_s: Packets, share: float, chance: Generator) -> tuple[Packets, Packets]:
    """A share of the flows ends early, behind any but its last packet: (n, p) twice -> (n, p) twice."""
    kept = np.arange(lengths.shape[1]) < _ends((lengths != 0).sum(axis=1), share, chance)[:, None]
    return np.where(kept, lengths, 0), np.where(kept, gaps_s, 0)


def jittered(gaps_s: Packets, strength: float, chance: Generator) -> Packets:
    """Each gap is multiplied by e to a normal number: none falls below 0, and 0 stays: (n, p) -> (n, p)."""
    return _microseconds(gaps_s * np.exp(chance.normal(0, strength, gaps_s.shape)))


def padded(lengths: Packets, most_bytes: float, chance: Generator) -> Packets:
    """Packets that carry something become longer, as TLS pads its records (RFC 8446, section 5.4): (n, p) -> (n, p)."""
    sizes = np.abs(lengths)
    longer = np.minimum(sizes + chance.integers(0, int(most_bytes) + 1, lengths.shape), np.maximum(sizes, MOST_BYTES))
    return np.where(sizes >= LEAST_PADDED_BYTES, np.sign(lengths) * longer, lengths)


def cut_bytes(pixels: Floats, share: float, chance: Generator) -> Floats:
    """Of a share of the flows the last bytes were not seen: (n, 784) -> (n, 784)."""
    is_byte = pixels != 0
    sizes = np.where(is_byte.any(axis=1), pixels.shape[1] - is_byte[:, ::-1].argmax(axis=1), 0)
    return np.where(np.arange(pixels.shape[1]) < _ends(sizes, share, chance)[:, None], pixels, np.float32(0))


def stretched(x: Floats, features: Sequence[Feature], factors: NDArray[np.float64]) -> Floats:
    """All times of a flow are so many times as long, and its rates follow: (n, d), (n,) -> (n, d).

    What hosts did in the windows before it ended is not of the flow, and stays.
    """
    places = {feature.name: place for place, feature in enumerate(features)}
    rows, duration = x.astype(np.float64), places["duration_s"]
    before_s = np.maximum(_SHORTEST_S, rows[:, duration])
    times = [place for name, place in places.items() if name in ("duration_s", "gap_max_s")]
    if sequence.Sequence.features[0].name in places:
        view = Views.of(features)
        times += range(view.tabular + view.packets // 2, view.tabular + view.packets)  # the gaps
    rows[:, times] *= factors[:, None]
    rates = [places[name] for name in _RATES if name in places]
    rows[:, rates] *= (before_s / np.maximum(_SHORTEST_S, rows[:, duration]))[:, None]
    return rows.astype(np.float32)


def _ends(counts: NDArray[np.int64], share: float, chance: Generator) -> NDArray[np.int64]:
    """How many of its packets or bytes each flow keeps, (n,): a share of them from 1 to all but one."""
    early = 1 + np.floor(chance.random(len(counts)) * (counts - 1)).astype(np.int64)
    return np.where((chance.random(len(counts)) < share) & (counts > 1), early, counts)


def _microseconds(gaps_s: Packets) -> Packets:
    """As the meter keeps them."""
    return np.asarray(np.round(gaps_s * 1e6) / 1e6)
