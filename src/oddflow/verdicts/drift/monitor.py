"""Watches whether traffic still is what was learnt, in fixed memory and in the order in which flows ended."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.models.usual import BINS, counted, stability
from oddflow.verdicts.drift.adwin import Adwin
from oddflow.verdicts.drift.finding import Drift, Drifted, change_in_words
from oddflow.verdicts.drift.reference import reference_of
from oddflow.verdicts.words import service as service_name

if TYPE_CHECKING:
    from oddflow.features.feature import Feature

BLOCK = 32
"""Flows of the first blocks; a block doubles after every 256, up to 2,048 flows, of which 32 are looked at."""
BLOCKS_OF_A_SIZE = 256
LARGEST_BLOCK = 2_048
MUCH = 0.25
"""A population stability index above it says that much has changed (Siddiqi 2006)."""
WANDERS = 2.0
"""Stretches of the baseline itself differ from the whole; what passes twice the most of that is told."""
LEAST_FLOWS = 640
"""In a window, before anything is told of it."""
OVER_PROMISED = 5.0
LEAST_ALERTS = 50
"""So many times the promised share of flows are alerts, and so many alerts: then the rate is told."""
RECENT = 1_024
"""Rows that are kept, for words."""
MOSTLY = 0.6
FEATURES_TOLD = 3


class DriftMonitor:
    """Compares what comes with the baseline of a model.

    Flows go into blocks. Of each block the share of flows in each of the baseline's bins is kept, by feature and of
    scores, and its mean rank among the baseline drives an adaptive window (`Adwin`), which forgets what was before a
    change. The flows in the window are compared with the baseline by the population stability index. Flows that are
    alerts are left out of both, so that an attack is not called drift; of them the rate is watched.

    Args:
        model: What learnt.
        threshold: The score from which on a flow is an alert.
        promised: The share of normal flows that may be alerts; NaN where none is promised.
    """

    def __init__(self, model: SealedModel, threshold: float, promised: float) -> None:
        usual = reference_of(model)
        self._features: Sequence[Feature] = model.features if len(usual.knots) > 1 else ()
        self._usual = usual
        self._width = len(self._features)
        self._medians = [r.median for r in model.manifest.ranges]
        self._threshold = threshold
        # where no threshold chooses the flows nothing is promised: what a sample can prove stands for it
        self._promised = promised if promised > 0 else 1 / (1 + len(model.held_back))
        self._limits = np.maximum(MUCH, WANDERS * usual.wander.astype(np.float64))
        self._ranks = usual.ranks
        self._windows = Adwin(len(usual.knots), (len(usual.knots), BINS))
        self._rate = Adwin(1, (1, 2))
        self._cut = np.zeros(len(usual.knots), bool)
        self._rate_was_cut = False
        self._block, self._blocks = BLOCK, 0
        self._held: list[tuple[Floats, Floats, NDArray[np.int64]]] = []
        self._held_rows = 0
        self._recent = np.zeros((0, self._width), np.float32)
        self._told: dict[tuple[Drifted, str], Drift] = {}
        self._news: list[Drift] = []

    def add(self, x: Floats, scores: Floats, ends_ns: NDArray[np.int64]) -> None:
        """Flows in the order in which they ended: feature rows (n, d), scores (n,), ends (n,)."""
        start = 0
        while start < len(scores):
            end = min(len(scores), start + self._block - self._held_rows)
            rows = x[start:end] if self._width else x[start:end, :0]
            self._held.append((rows.copy(), scores[start:end].copy(), ends_ns[start:end].copy()))
            self._held_rows += end - start
            start = end
            if self._held_rows == self._block:
                self._close()

    @property
    def drifts(self) -> list[Drift]:
        """What drifts now, the farthest first."""
        return sorted(self._told.values(), key=lambda drift: (-drift.index / drift.limit, drift.name))

    def news(self) -> list[Drift]:
        """What began to drift since this was asked last."""
        news, self._news = self._news, []
        return news

    def _close(self) -> None:
        x, scores, ends_ns = (np.concatenate(parts) for parts in zip(*self._held, strict=True))
        self._held, self._held_rows = [], 0
        over = scores >= self._threshold
        first_ns = int(ends_ns[0])
        share = float(over.mean())
        counts = np.array([[len(over) - over.sum(), over.sum()]], np.float64)
        self._rate_was_cut |= bool(self._rate.add(np.array([share]), first_ns, counts)[0])
        self._watch_rate()
        plain = np.flatnonzero(~over)
        if len(plain) >= BLOCK // 2:
            looked = plain[np.linspace(0, len(plain) - 1, min(BLOCK, len(plain))).astype(np.int64)]
            self._look(x[looked], scores[looked], first_ns)
        self._blocks += 1
        if self._blocks % BLOCKS_OF_A_SIZE == 0:
            self._block = min(LARGEST_BLOCK, 2 * self._block)

    def _look(self, x: Floats, scores: Floats, first_ns: int) -> None:
        self._recent = np.concatenate([self._recent, x])[-RECENT:]
        seen = np.concatenate([x, scores[:, None]], axis=1)
        block = counted(self._usual.places(seen))
        means = (block * self._ranks).sum(axis=1) / len(seen)
        cut = self._windows.add(np.clip(means, 0, 1), first_ns, block)
        self._cut |= cut
        if not (self._blocks % 8 == 0 or cut.any()):
            return
        counts = self._windows.carried()
        index = stability(counts, self._usual.shares)
        enough = counts.sum(axis=1) >= LEAST_FLOWS
        since_ns = self._windows.changed_ns
        for place in np.flatnonzero(enough):
            drift = self._drift_of(int(place), counts[place], float(index[place]), int(since_ns[place]))
            self._tell(drift, is_on=index[place] > self._limits[place], is_off=index[place] < self._limits[place] / 2)

    def _drift_of(self, place: int, counts: NDArray[np.float64], index: float, since_ns: int) -> Drift:
        since_ns = since_ns if self._cut[place] else 0
        limit = float(self._limits[place])
        what = Drifted.SCORES if place == self._width else Drifted.FEATURE
        name = "" if what is Drifted.SCORES else self._features[place].name
        key = (what, name)
        if index <= limit and key not in self._told:  # no words are needed
            return Drift(what, name, since_ns, index, limit, "")
        shown = float(f"{index:.3g}")
        if what is Drifted.SCORES:
            ranks = self._ranks[place]
            mean = float((counts * ranks).sum() / counts.sum())
            way = "odder" if mean > 0.5 else "less odd"
            text = f"flows that are no alerts score {way} than held-back ones did"
            return Drift(what, name, since_ns, shown, limit, text)
        values = self._recent[:, place]
        text = change_in_words(
            self._features[place],
            self._medians[place],
            float(np.quantile(values, 0.5, method="lower")),
            self._where(place, counts),
        )
        return Drift(what, name, since_ns, shown, limit, text)

    def _where(self, place: int, counts: NDArray[np.float64]) -> str:
        """The service that most of what is too much comes from, or "" where it is no one's."""
        service = next((at for at, feature in enumerate(self._features) if feature.name == "service"), None)
        if service is None or service == place:
            return ""
        grown = int(np.argmax(counts / counts.sum() - self._usual.shares[place]))
        inside = self._usual.places(np.pad(self._recent, ((0, 0), (0, 1))))[:, place] == grown
        if not inside.any():
            return ""
        values, numbers = np.unique(self._recent[inside, service], return_counts=True)
        most = int(numbers.argmax())
        return service_name(float(values[most])) if numbers[most] >= MOSTLY * inside.sum() else ""

    def _watch_rate(self) -> None:
        plain, alerts = (float(number) for number in self._rate.carried()[0])
        if plain + alerts < LEAST_FLOWS:
            return
        share = alerts / (plain + alerts)
        times = share / self._promised
        since_ns = int(self._rate.changed_ns[0]) if self._rate_was_cut else 0
        text = f"{share:.2%} of flows are alerts, and {self._promised:.2g} of normal ones would be"
        drift = Drift(Drifted.ALERTS, "", since_ns, float(f"{times:.3g}"), OVER_PROMISED, text)
        self._tell(drift, is_on=times > OVER_PROMISED and alerts >= LEAST_ALERTS, is_off=times < OVER_PROMISED / 2)

    def _tell(self, drift: Drift, *, is_on: bool, is_off: bool) -> None:
        key = (drift.what, drift.name)
        if key in self._told:
            if is_off:
                del self._told[key]
            else:
                self._told[key] = drift
        elif is_on:
            self._told[key] = drift
            self._news.append(drift)


def advice(drifts: Sequence[Drift]) -> list[str]:
    """What drifts in sentences, the farthest features alone, and what to do about it; nothing where nothing does."""
    features = [drift for drift in drifts if drift.what is Drifted.FEATURE]
    others = {drift.what: drift for drift in drifts if drift.what is not Drifted.FEATURE}
    if not features and Drifted.SCORES not in others and Drifted.ALERTS not in others:
        return []
    said = [f"drift: {drift.told}" for drift in [*others.values(), *features[:FEATURES_TOLD]]]
    if len(features) > FEATURES_TOLD:
        names = ", ".join(drift.name for drift in features[FEATURES_TOLD : FEATURES_TOLD + 5])
        more = len(features) - FEATURES_TOLD
        said.append(f"drift: {more} more features are spread otherwise than in the baseline, like {names}")
    if Drifted.ALERTS in others and (features or Drifted.SCORES in others):
        todo = "learn anew, or `oddflow learn --update`, from traffic of these days that you trust"
    elif Drifted.ALERTS in others:
        todo = "look at the alerts first: an attack raises them, too; if all are false, learn anew"
    elif Drifted.SCORES in others:
        todo = "the budget no longer holds as it was promised; recalibrate: `oddflow learn --update`"
    else:
        todo = "scores have not moved, so the budget still holds; `oddflow learn --update` when it suits"
    return [*said, f"drift: {todo}"]
