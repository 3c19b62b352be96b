"""The signal processing of traffic rates: spectra, wavelets and cumulative sums."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.base import Detector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.rates import SLOTS
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.rate_views import LEAST_SPREAD, Bands, CumulativeSums, View
from oddflow.models.rows import Floats
from oddflow.models.tails import MOST_SURPRISE, TAIL

if TYPE_CHECKING:
    import onnx

_BATCH_ROWS = 1_024
_LEAST_PART = 1e-3
"""Of a slot in a value; a value in which no slot has any part is shared out evenly."""


class RateView(StrEnum):
    """How rates are looked at."""

    FFT = "fft"
    WAVELET = "wavelet"
    CUSUM = "cusum"


@registered
@final
class TrafficRate(Detector):
    """Looks at the rates of a flow's hosts as signals, and measures how far each value of the view is from normal.

    FFT: the energy of each octave of the spectrum, and how well the rate repeats at its strongest period. WAVELET: the
    energy of each level of Haar's wavelets. CUSUM: how far the last 32 slots drift from the mean of the 32 before, and
    how often that is an alarm. A value's distance is above the normal median, in units of the distance that 1 in 1,000
    normal flows pass; the score is the root mean square of all distances. Less than normal does not count: a host that
    falls silent sends no flow to be judged, and every host is silent before its first.

    Source: Barford, Kline, Plonka & Ron 2002, "A Signal Analysis of Network Traffic Anomalies"; Page 1954, "Continuous
    Inspection Schemes"; Wang, Zhang & Shin 2002, "Detecting SYN Flooding Attacks".

    Args:
        features: The columns of rates: series of 64 slots.
        view: fft, wavelet or cusum.
        drift: Of cusum: what a slot may be above the mean, in spreads of normal slots.
        alarm: Of cusum: the sum that is an alarm, in the same spreads.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "traffic-rate"
    summary: ClassVar[str] = "spectrum, wavelets or cumulative sums of the rates of hosts"
    good_at: ClassVar[str] = "floods, scans and bursts as they begin; beacons; all sources know rates; needs no torch"
    bad_at: ClassVar[str] = "what is odd inside a flow; it shows whose rate is odd, so normal flows of that host too"
    paper: ClassVar[str] = "Barford et al. 2002; Page 1954"
    reads: ClassVar[Reads] = Reads.RATES
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"drift": (0, 100), "alarm": (1e-3, 1e6)}
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"view": RateView}
    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False

    view_: View
    centres_: Floats
    tails_: Floats

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        view: str = RateView.WAVELET,
        drift: float = 0.5,
        alarm: float = 5.0,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.view = view
        self.drift = drift
        self.alarm = alarm
        self.seed = seed

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        if x.shape[1] % SLOTS:
            raise UsageError(f"{self.name} reads series of {SLOTS} slots; {x.shape[1]} columns given")
        rows = np.concatenate([x, validation])
        self.view_ = self._view(rows)
        blocks = [rows[start : start + _BATCH_ROWS] for start in range(0, len(rows), _BATCH_ROWS)]
        values = np.concatenate([self.view_.see(_logs(block))[0] for block in blocks])  # (n, k, v)
        centres = np.median(values, axis=0)
        tails = np.quantile(np.maximum(values - centres, 0), TAIL, axis=0)
        self.centres_ = centres.astype(np.float32)
        self.tails_ = np.maximum(tails, LEAST_SPREAD).astype(np.float32)

    def _view(self, rows: Floats) -> View:
        if self.view == RateView.FFT:
            return Bands.of_spectrum(SLOTS)
        if self.view == RateView.WAVELET:
            return Bands.of_wavelets(SLOTS)
        return CumulativeSums.fit(_logs(rows), self.drift, self.alarm)

    def _contributions(self, x: Floats) -> Floats:
        parts = np.empty_like(x)
        for start in range(0, len(x), _BATCH_ROWS):
            values, slots = self.view_.see(_logs(x[start : start + _BATCH_ROWS]))
            far = np.minimum(np.maximum(values - self.centres_, 0) / self.tails_, np.float32(MOST_SURPRISE))
            slots = slots + np.float32(_LEAST_PART)
            shares = slots / slots.sum(axis=3, keepdims=True)
            parts[start : start + _BATCH_ROWS] = (shares * (far**2)[..., None]).sum(axis=2).reshape(-1, x.shape[1])
        return parts

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(np.sqrt(contributions.sum(axis=1) / np.float32(self.centres_.size)), np.float32)

    def weights(self) -> dict[str, Floats]:
        """Normal medians and tails of each value of each series, (k, v)."""
        return {"centres": self.centres_, "tails": self.tails_}

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        raw = builder.add("Relu", builder.x)
        logs = builder.add("Log", builder.add("Add", raw, builder.constant(1.0)))
        logs = builder.add("Reshape", logs, builder.constant(np.array([0, self.width_ // SLOTS, SLOTS])))
        values, slots = self.view_.write(builder, logs)
        far = builder.add("Relu", builder.add("Sub", values, builder.constant(self.centres_)))
        far = builder.add("Div", far, builder.constant(self.tails_))
        far = builder.add("Min", far, builder.constant(MOST_SURPRISE))
        slots = builder.add("Add", slots, builder.constant(_LEAST_PART))
        axis = builder.constant(np.array([3], np.int64))
        shares = builder.add("Div", slots, builder.add("ReduceSum", slots, axis, keepdims=1))
        squared = builder.add("Unsqueeze", builder.add("Mul", far, far), axis)
        parts = builder.add("Mul", shares, squared)
        parts = builder.add("ReduceSum", parts, builder.constant(np.array([2], np.int64)), keepdims=0)
        contributions = builder.add("Reshape", parts, builder.constant(np.array([0, self.width_])))
        mean = builder.add("Div", builder.row_sum(contributions), builder.constant(float(self.centres_.size)))
        return builder.finish(score=builder.add("Sqrt", mean), contributions=contributions)


def _logs(x: Floats) -> Floats:
    """Logarithms of rates as series: (n, k × s) -> (n, k, s)."""
    return np.log(np.float32(1) + np.maximum(x, 0)).reshape(len(x), -1, SLOTS)
