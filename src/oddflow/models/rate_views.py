"""What a signal processor sees in series of rates, in NumPy and as ONNX nodes.

A view turns logarithms of rates, (n, k, s): k series of s slots, into v values a series, (n, k, v), and says how much
each slot has to do with each value, (n, k, v, s), not negative.

Bands of frequencies and levels of wavelets are orthogonal projections P: the energy |P l|² of a band is the sum over
slots of l times P l, so each slot's part in it is known; parts below 0 count as none.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

QUIET = 0.1
"""Energy below which nothing is told apart; that of one flow in one slot is log(2)² = 0.48."""
LEAST_SPREAD = 0.25
"""Of logarithms: a factor of 1.28."""
_ONE = 1.0
_SECOND, _THIRD = np.array([2], np.int64), np.array([3], np.int64)


class View(ABC):
    """Subclasses are final: they implement both methods, one as the other."""

    @abstractmethod
    def see(self, logs: Floats) -> tuple[Floats, Floats]:
        """Values and slots' parts: (n, k, s) -> (n, k, v), (n, k, v, s)."""

    @abstractmethod
    def write(self, builder: GraphBuilder, logs: str) -> tuple[str, str]:
        """Adds the same as nodes."""


@dataclass(frozen=True, slots=True, eq=False)
class Bands(View):
    """The energy of each band of a series, and how well it repeats.

    Attributes:
        filters: (b, s, s) orthogonal projections onto bands; the first is the mean.
        powers: (s, 2f) cosines, then sines, of f frequencies; none for a view that does not ask for periods.
        lags: (f, l) cosines that turn powers into autocorrelation (Wiener & Khinchin), least lag first.
    """

    filters: Floats
    powers: Floats
    lags: Floats

    @classmethod
    def of_spectrum(cls, slots: int) -> Self:
        """Octaves of the discrete Fourier transform, and the strongest period of 2 to s / 2 slots.

        Source: Cooley & Tukey 1965, "An Algorithm for the Machine Calculation of Complex Fourier Series"; written as
        the matrix that it factors.

        >>> Bands.of_spectrum(8).filters.shape  # the mean; 1; 2 to 3; 4 cycles
        (4, 8, 8)
        """
        frequencies = np.arange(1, slots // 2 + 1)
        angles = 2 * np.pi * np.outer(np.arange(slots), frequencies) / slots
        waves = np.stack([np.cos(angles), np.sin(angles)])  # (2, s, f)
        norms = (waves**2).sum(axis=1, keepdims=True)
        waves = np.divide(waves, np.sqrt(norms), out=np.zeros_like(waves), where=norms > 1e-9)
        octave = np.log2(frequencies).astype(np.int64)
        bands = [np.concatenate(list(waves[:, :, octave == place]), axis=1) for place in range(octave.max() + 1)]
        lags = np.arange(2, slots // 2 + 1)
        return cls(
            filters=_projections([np.full((slots, 1), slots**-0.5), *bands]),
            powers=np.concatenate(list(waves), axis=1).astype(np.float32),
            lags=np.cos(2 * np.pi * np.outer(frequencies, lags) / slots).astype(np.float32),
        )

    @classmethod
    def of_wavelets(cls, slots: int) -> Self:
        """Levels of Haar's wavelets, the coarsest first.

        Source: Barford, Kline, Plonka & Ron 2002, "A Signal Analysis of Network Traffic Anomalies", section 3.

        >>> Bands.of_wavelets(8).filters.shape
        (4, 8, 8)
        """
        bands = [np.full((slots, 1), slots**-0.5)]
        width = slots
        while width > 1:
            wave = np.repeat([1.0, -1.0], width // 2) / np.sqrt(width)
            bands.append(np.kron(np.eye(slots // width), wave[:, None]))
            width //= 2
        return cls(_projections(bands), np.zeros((slots, 0), np.float32), np.zeros((0, 0), np.float32))

    def see(self, logs: Floats) -> tuple[Floats, Floats]:
        """One logarithm of energy a band, then the best autocorrelation if periods are asked for."""
        count, series, slots = logs.shape
        kept = (logs @ self._side_by_side()).reshape(count, series, len(self.filters), slots)
        values = np.log((kept**2).sum(axis=3) + np.float32(QUIET))
        parts = np.maximum(kept * logs[:, :, None], 0)
        if self.lags.size:
            power = self._power(logs)
            best = (power @ self.lags).max(axis=2, keepdims=True)
            repeats = np.maximum(best, 0) / (power.sum(axis=2, keepdims=True) + np.float32(QUIET))
            moving = (logs - kept[:, :, 0]) ** 2
            values = np.concatenate([values, repeats], axis=2)
            parts = np.concatenate([parts, moving[:, :, None]], axis=2)
        return values, parts

    def strongest_lags(self, logs: Floats) -> NDArray[np.int64]:
        """The period at which each series repeats best, in slots: (n, k, s) -> (n, k)."""
        return np.asarray((self._power(logs) @ self.lags).argmax(axis=2) + 2)

    def _power(self, logs: Floats) -> Floats:
        waves = logs @ self.powers
        half = self.powers.shape[1] // 2
        return np.asarray(waves[:, :, :half] ** 2 + waves[:, :, half:] ** 2)

    def _side_by_side(self) -> Floats:
        return np.concatenate(list(self.filters), axis=1)  # (s, b × s)

    def write(self, builder: GraphBuilder, logs: str) -> tuple[str, str]:
        """Adds the same as nodes."""
        bands, slots = self.filters.shape[:2]
        kept = builder.add("MatMul", logs, builder.constant(self._side_by_side()))
        kept = builder.add("Reshape", kept, builder.constant(np.array([0, 0, bands, slots], np.int64)))
        alone = builder.add("Unsqueeze", logs, builder.constant(_SECOND))
        parts = builder.add("Relu", builder.add("Mul", kept, alone))
        energy = builder.add("ReduceSum", builder.add("Mul", kept, kept), builder.constant(_THIRD), keepdims=0)
        values = builder.add("Log", builder.add("Add", energy, builder.constant(QUIET)))
        if not self.lags.size:
            return values, parts
        half = self.powers.shape[1] // 2
        waves = builder.add("MatMul", logs, builder.constant(self.powers))
        together = np.concatenate([np.eye(half, dtype=np.float32)] * 2)
        power = builder.add("MatMul", builder.add("Mul", waves, waves), builder.constant(together))
        best = builder.add("MatMul", power, builder.constant(self.lags))
        best = builder.add("Relu", builder.add("ReduceMax", best, builder.constant(_SECOND), keepdims=1))
        whole = builder.add("ReduceSum", power, builder.constant(_SECOND), keepdims=1)
        repeats = builder.add("Div", best, builder.add("Add", whole, builder.constant(QUIET)))
        mean = builder.add("Gather", kept, builder.constant(np.array([0])), axis=2)
        moving = builder.add("Sub", alone, mean)
        moving = builder.add("Mul", moving, moving)
        return builder.add("Concat", values, repeats, axis=2), builder.add("Concat", parts, moving, axis=2)


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeSums(View):
    """How far, and how often, the second half of a series drifts up and down from the mean of its first half.

    Steps less the drift add up, never below 0; a sum that passes the alarm is one more alarm and starts again at 0.

    Source: Page 1954, "Continuous Inspection Schemes"; against floods: Wang, Zhang & Shin 2002, "Detecting SYN Flooding
    Attacks", section III.

    Attributes:
        spreads: (k,) of normal steps, in logarithms.
        half: Slots of half a series.
        drift, alarm: In spreads.
    """

    spreads: Floats
    half: int
    drift: float
    alarm: float

    @classmethod
    def fit(cls, logs: Floats, drift: float, alarm: float) -> Self:
        """Learns how far steps usually go: logs (n, k, s)."""
        steps = _steps(logs)
        spreads = np.sqrt((steps.astype(np.float64) ** 2).mean(axis=(0, 2)))
        return cls(np.maximum(spreads, LEAST_SPREAD).astype(np.float32), steps.shape[2], drift, alarm)

    def see(self, logs: Floats) -> tuple[Floats, Floats]:
        """Logarithms of the greatest sum and of alarms, each up and down, then the mean rate."""
        steps = _steps(logs) / self.spreads[:, None]
        both = np.stack([steps, -steps], axis=2) - np.float32(self.drift)  # (n, k, 2, s / 2)
        total = np.zeros(both.shape[:3], np.float32)
        peak, alarms = total.copy(), total.copy()
        for slot in range(both.shape[3]):
            total = np.maximum(total + both[..., slot], 0)
            peak = np.maximum(peak, total)
            over = total > np.float32(self.alarm)
            alarms += over
            total = np.where(over, np.float32(0), total)
        values = np.concatenate([np.log(1 + peak), np.log(1 + alarms), logs.mean(axis=2, keepdims=True)], axis=2)
        ahead = np.concatenate([np.zeros_like(both), np.maximum(both, 0)], axis=3)
        return values, np.concatenate([ahead, ahead, (logs**2)[:, :, None]], axis=2)

    def write(self, builder: GraphBuilder, logs: str) -> tuple[str, str]:
        """Adds the same as nodes, slot by slot."""
        series, half = len(self.spreads), self.half
        slots = 2 * half
        to_steps = np.concatenate([np.full((half, half), -1 / half), np.eye(half)]).astype(np.float32)
        steps = builder.add("MatMul", logs, builder.constant(to_steps))
        steps = builder.add("Div", steps, builder.constant(self.spreads[:, None]))
        sides = [
            builder.add("Unsqueeze", side, builder.constant(_SECOND)) for side in (steps, builder.add("Neg", steps))
        ]
        both = builder.add("Sub", builder.add("Concat", *sides, axis=2), builder.constant(float(self.drift)))
        alarm, zero = builder.constant(float(self.alarm)), builder.constant(0.0)
        total = peak = alarms = zero
        for slot in range(half):
            step = builder.add("Gather", both, builder.constant(np.array([slot])), axis=3)
            total = builder.add("Relu", builder.add("Add", total, step))
            peak = builder.add("Max", peak, total)
            over = builder.add("Greater", total, alarm)
            alarms = builder.add("Add", alarms, builder.add("Cast", over, to=1))
            total = builder.add("Where", over, zero, total)
        one = builder.constant(_ONE)
        found = [
            builder.add("Squeeze", builder.add("Log", builder.add("Add", each, one)), builder.constant(_THIRD))
            for each in (peak, alarms)
        ]
        mean = builder.add("ReduceMean", logs, builder.constant(_SECOND), keepdims=1)
        behind = np.concatenate([np.zeros((half, half)), np.eye(half)], axis=1).astype(np.float32)
        ahead = builder.add("MatMul", builder.add("Relu", both), builder.constant(behind))
        level = builder.add(
            "Reshape", builder.add("Mul", logs, logs), builder.constant(np.array([0, series, 1, slots]))
        )
        return builder.add("Concat", *found, mean, axis=2), builder.add("Concat", ahead, ahead, level, axis=2)


def _steps(logs: Floats) -> Floats:
    """The second half of each series less the mean of the first: (n, k, s) -> (n, k, s / 2)."""
    half = logs.shape[2] // 2
    return np.asarray(logs[:, :, half:] - logs[:, :, :half].mean(axis=2, keepdims=True))


def _projections(bands: list[NDArray[np.floating]]) -> Floats:
    """Of bases (s, m) with orthonormal columns: (b, s, s)."""
    return np.stack([basis @ basis.T for basis in bands]).astype(np.float32)
