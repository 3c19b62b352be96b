"""What groups of flows came to in a baseline: sealed beside a model, and turned into limits by a budget."""

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from oddflow.errors import NotAModel
from oddflow.verdicts.collective.groups import LEAST, Limits
from oddflow.verdicts.collective.measures import COUNTED, FEWEST_GAPS, MOST_IRREGULAR, WIDTHS_S, Measure

PREFIX = "groups-1."
BINS_AN_OCTAVE = 8
BINS = 44 * BINS_AN_OCTAVE
"""Values up to 16 TB; a bin is 9 % wide."""
MOST_KNOWN = 65_536
SHARE = 0.1
"""Of the budget of false alarms; flows have the rest."""
TAIL_SHARE, FEWEST_PEAKS = 0.02, 20
ABOVE_MOST = (1.5, 5.0)
"""A limit is at least and at most so many times the most that the baseline saw."""
OWN_FACTOR = 3.0
FEWEST_WINDOWS = 10
"""A service or host with fewer windows has no limit of its own."""

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GroupNormal:
    """What was seen of groups of flows.

    Attributes:
        span_s: How long there was traffic, (1,).
        windows: Group windows by measure, width and value, (6, 3, bins); see `bin_of`.
        known, known_measure, known_most: Groups, ascending (k,), what is counted of each, (k,), and the most that it
            came to in a window of each width, (k, 3); 0 where it was never counted.
        wider, wider_measure, wider_most, wider_windows: The same of services and hosts, (w,), with how many windows
            that was told from, (w, 3).
        acquainted: Pairs that met in three beats or more, ascending, (a,).
        periodic, periods_ns: Who repeated regularly, ascending, (p,), with the shortest and longest period, (p, 2).
    """

    span_s: Floats
    windows: NDArray[np.int64]
    known: Keys
    known_measure: NDArray[np.int64]
    known_most: Floats
    wider: Keys
    wider_measure: NDArray[np.int64]
    wider_most: Floats
    wider_windows: NDArray[np.int64]
    acquainted: Keys
    periodic: Keys
    periods_ns: Floats

    def part(self) -> bytes:
        """The part of a sealed model."""
        arrays = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        return save_tensors({PREFIX + name: arrays[name] for name in sorted(arrays)})

    @classmethod
    def of_part(cls, part: bytes) -> "GroupNormal":
        """What a part holds, once every array is checked; raises NotAModel for any that does not fit."""
        try:
            tensors = load_tensors(part)
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotAModel(f"its groups hold no tensors ({error}); learn it again") from None
        names = {field.name: PREFIX + field.name for field in fields(cls)}
        if set(tensors) != set(names.values()):
            raise NotAModel("its groups are not those that this Oddflow reads; learn it again")
        found = cls(**{name: tensors[stored] for name, stored in names.items()})
        found._check()
        return found

    def _check(self) -> None:
        scales = len(WIDTHS_S)
        known, wider, acquainted, periodic = (
            len(keys) if keys.ndim == 1 else -1 for keys in (self.known, self.wider, self.acquainted, self.periodic)
        )
        expected: dict[str, tuple[tuple[int, ...], type]] = {
            "span_s": ((1,), np.float64),
            "windows": ((len(COUNTED), scales, BINS), np.int64),
            "known": ((known,), np.uint64),
            "known_measure": ((known,), np.int64),
            "known_most": ((known, scales), np.float64),
            "wider": ((wider,), np.uint64),
            "wider_measure": ((wider,), np.int64),
            "wider_most": ((wider, scales), np.float64),
            "wider_windows": ((wider, scales), np.int64),
            "acquainted": ((acquainted,), np.uint64),
            "periodic": ((periodic,), np.uint64),
            "periods_ns": ((periodic, 2), np.float64),
        }
        for name, (shape, kind) in expected.items():
            array = getattr(self, name)
            is_sound = array.shape == shape and array.dtype == kind
            if is_sound and kind is np.uint64:
                is_sound = bool((array[1:] > array[:-1]).all())
            elif is_sound:
                is_sound = bool(np.isfinite(array).all() and (array >= 0).all())
                is_sound &= not name.endswith("_measure") or bool((array < len(COUNTED)).all())
            if not is_sound:
                raise NotAModel(f"its groups have {name} that no baseline gives; learn it again")
        if not 0 < float(self.span_s[0]) < 1e12 or int(self.windows.max(initial=0)) > 1 << 53:
            raise NotAModel("its groups have a span or counts that no baseline gives; learn it again")

    def limits(self, false_alarms_per_s: float) -> Limits:
        """From what on a group is told: all of them together keep about so many false alarms a second.

        Each measure and width has an equal part. Anyone's limit lies where the tail of the logarithms of the windows
        that the baseline saw, an exponential one, leaves that part (as `budget.tail_threshold`), between 1.5 and 5
        times the most that was seen. A group that the baseline knows, and a service or a host that it knows well,
        has a limit of its own: halfway, in logarithms, between anyone's and three times its own most; of a group at
        least those three times, of a service or host at least 1.5 times. Where windows are wider than the baseline was
        long, what it saw is taken to go on in proportion.
        """
        span_s = float(self.span_s[0])
        part = false_alarms_per_s / (len(COUNTED) * len(WIDTHS_S))
        stretch = np.maximum(1.0, np.array(WIDTHS_S) / span_s)
        limits = np.array(LEAST)
        for measure in COUNTED:
            for scale in range(len(WIDTHS_S)):
                windows = self.windows[measure, scale]
                if windows.any():
                    reached = tail_limit(windows, part * span_s / int(windows.sum())) * stretch[scale]
                    limits[measure, scale] = max(limits[measure, scale], reached)
        return Limits(
            least=LEAST,
            limits=limits,
            known=self.known,
            known_limits=_own(self.known_most * stretch, self.known_measure, limits, OWN_FACTOR),
            wider=self.wider,
            wider_limits=np.where(
                self.wider_windows >= FEWEST_WINDOWS,
                _own(self.wider_most * stretch, self.wider_measure, limits, ABOVE_MOST[0]),
                0.0,
            ),
            most_irregular=MOST_IRREGULAR,
            fewest_gaps=FEWEST_GAPS,
            acquainted=self.acquainted,
            periodic=self.periodic,
            periods_ns=self.periods_ns,
        )

    def as_high(self, measure: Measure, scale: int, value: float) -> tuple[int, int]:
        """How many windows of the baseline came to so much or more, and how many there were."""
        windows = self.windows[measure, scale]
        return int(windows[int(bin_of(np.array([value]))[0]) :].sum()), int(windows.sum())


def _own(most: Floats, measures: NDArray[np.int64], limits: Floats, least_factor: float) -> Floats:
    """Halfway, in logarithms, between anyone's limit and three times the most of each; but so many times it or more."""
    halfway = np.sqrt(limits[measures] * OWN_FACTOR * most)
    return np.where(most > 0, np.maximum(halfway, np.maximum(LEAST[measures], least_factor * most)), 0.0)


def bin_of(values: Floats) -> NDArray[np.int64]:
    """The bin of each value of 1 or more, eight an octave: (n,) -> (n,)."""
    return np.clip((np.log2(np.maximum(values, 1.0)) * BINS_AN_OCTAVE + 1e-9).astype(np.int64), 0, BINS - 1)


def tail_limit(windows: NDArray[np.int64], share: float) -> float:
    """The value that a share of windows passes at most, if their tail goes on as it falls off: (bins,) -> value."""
    total = int(windows.sum())
    values = 2.0 ** (np.arange(BINS) / BINS_AN_OCTAVE)
    most = float(values[int(np.flatnonzero(windows)[-1])]) * 2 ** (1 / BINS_AN_OCTAVE)
    above = windows[::-1].cumsum()[::-1]
    peaks_wanted = min(total, max(FEWEST_PEAKS, math.ceil(TAIL_SHARE * total)))
    start = int(np.flatnonzero(above >= peaks_wanted)[-1])
    peaks = windows[start:]
    count = int(peaks.sum())
    middle = int(np.searchsorted(peaks.cumsum(), count / 2))
    mean = max(middle, 1) / BINS_AN_OCTAVE / math.log(2)  # of an exponential tail, from its median; in octaves
    careful = mean * (1 + 1.645 / (math.log(2) * math.sqrt(count)))
    octaves = careful * max(0.0, math.log(count / total / max(share, 1e-300)))
    reached = math.pow(2.0, min(60.0, start / BINS_AN_OCTAVE + octaves))
    return min(max(reached, ABOVE_MOST[0] * most), ABOVE_MOST[1] * most)
