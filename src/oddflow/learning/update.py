"""Learning on: a model that keeps up with its network, and never learns from what it raised an alert on.

What an attacker does slowly enough would become normal if a model learnt from all it sees. So flows over its threshold
are left out, with all else that their host did in the same hour where that raised several, and what people called
malicious; what they called benign, flow by flow, is learnt. Where too much would be left out, nothing is learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import LearningFailed, UsageError
from oddflow.features.columns import integers, text_hashes
from oddflow.features.feature import Feature
from oddflow.features.gathering import Gathered, Labels
from oddflow.features.representation import Representation
from oddflow.flows.meter import Companion
from oddflow.logs.parts import HOUR_NS
from oddflow.models.rows import Floats
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alerting import likeliest_of, normal_of
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.rule import Scope
from oddflow.verdicts.naming import plain_rows

KEPT, ALERTED, MALICIOUS, BENIGN = range(4)
_CODES = 2
"""Bits of a code; above them is whose hour it was."""
MOST_LEFT_OUT = 0.1
"""Of the flows; of more, the traffic is under attack or has drifted so far that the model is no judge of it."""
MANY_ALERTS = 3
"""Of so many alerts of one host in an hour, all else that it did in that hour is left out."""
TESTED_SHARE = 0.15
"""The last of the time is learnt by neither model, to compare them on."""


@dataclass(slots=True)
class Sieve:
    """A representation that also says which of its rows may be learnt; one for one stream of flows.

    It is asked for the labels of a batch first, and for its rows after, as `gather` does.

    Attributes:
        inner: What makes the rows.
        model: Whose alerts are left out.
        threshold: The score from which on a flow is an alert.
        feedback: What people said of alerts.
        pseudonyms: The fingerprint of the key that flows are under.
    """

    inner: Representation
    model: SealedModel
    threshold: float
    feedback: Feedback = field(default_factory=lambda: Feedback(()))
    pseudonyms: str = ""
    _x: Floats | None = None
    _has_begun: bool = False

    @property
    def version(self) -> str:
        """As Representation, like all below."""
        return self.inner.version

    @property
    def features(self) -> tuple[Feature, ...]:  # noqa: D102
        return self.inner.features

    @property
    def home_networks(self) -> tuple[str, ...]:  # noqa: D102
        return self.inner.home_networks

    @property
    def context_settings(self) -> Mapping[str, Any]:  # noqa: D102
        return self.inner.context_settings

    @property
    def incomplete(self) -> int:  # noqa: D102
        return self.inner.incomplete

    @property
    def companion(self) -> Companion | None:  # noqa: D102
        return self.inner.companion

    @property
    def has_arp(self) -> bool:  # noqa: D102
        return self.inner.has_arp

    def begin(self) -> None:
        """Another source begins; it is told so twice, as what makes rows and as what labels them."""
        if not self._has_begun:
            self.inner.begin()
        self._has_begun = True

    def rows(self, batch: pa.RecordBatch) -> Floats:  # noqa: D102
        x, self._x = self._x, None
        return self.inner.rows(batch) if x is None else x

    def remarks(self) -> list[str]:  # noqa: D102
        return self.inner.remarks()

    def labels(self, batch: pa.RecordBatch) -> Labels:
        """Which rows may be learnt, with whose hour it was: (n,)."""
        self._x, self._has_begun = self.inner.rows(batch), False
        x = self._x
        scores, parts = self.model.score(x)
        codes = np.where(scores >= self.threshold, ALERTED, KEPT)
        if self.feedback.rules:
            self._ask(batch, x, scores, parts, codes)
            codes[self.feedback.malicious(batch)] = MALICIOUS
        hours = (integers(batch, "end") // HOUR_NS).astype(np.uint64)
        whose = (text_hashes(batch, "src_ip", 0) ^ (hours * np.uint64(0x9E37_79B9_7F4A_7C15))) >> np.uint64(3)
        return whose.astype(np.int64) << _CODES | codes, None

    def _ask(self, batch: pa.RecordBatch, x: Floats, scores: Floats, parts: Floats, codes: NDArray[np.int64]) -> None:
        """What people said of flows over the threshold."""
        normal = normal_of(self.model, self.model.held_back, "normal flows")
        places = np.flatnonzero(codes == ALERTED)
        for place, flow in zip(places, plain_rows(batch, places), strict=True):
            alert = normal.alert(
                flow, float(scores[place]), normal.reasons(x[place], parts[place]), "", None,
                pseudonyms=self.pseudonyms, likeliest=likeliest_of(self.model, x[place], flow),
            )  # fmt: skip
            if self.feedback.is_malicious(alert):
                codes[place] = MALICIOUS
            elif (rule := self.feedback.hiding(alert)) is not None and rule.scope is Scope.FLOW:
                codes[place] = BENIGN


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be learnt, and what is left out.

    Attributes:
        known: Rows to learn.
        tested: Rows of the last of the time to compare models on, of hosts and hours without many alerts, (t, d).
        left_out: Rows that are never learnt, (l, d).
        alerted, malicious, beside, benign: How many rows were alerts, called malicious, beside many alerts, or called
            benign and so learnt.
    """

    known: Gathered
    tested: Floats
    left_out: Floats
    alerted: int
    malicious: int
    beside: int
    benign: int

    @property
    def told(self) -> str:
        """What was left out, in words."""
        rows = len(self.known.x)
        reasons = {
            "over the old threshold": self.alerted,
            "called malicious": self.malicious,
            f"of hosts with {MANY_ALERTS} alerts or more in that hour": self.beside,
        }
        listed = ", ".join(f"{number:,} {why}" for why, number in reasons.items() if number)
        benign = f"; {self.benign:,} that were called benign are learnt" if self.benign else ""
        return f"{rows:,} flows learnt, {sum(reasons.values()):,} left out" + (f": {listed}" if listed else "") + benign


def sift(gathered: Gathered) -> Sifted:
    """Parts what a sieve let through from what it did not.

    Raises:
        LearningFailed: Too much would be left out.
    """
    assert gathered.y is not None  # noqa: S101  (a sieve labels)
    codes, whose = gathered.y & 3, gathered.y >> _CODES
    is_bad = (codes == ALERTED) | (codes == MALICIOUS)
    hours, counts = np.unique(whose[is_bad], return_counts=True)
    beside = np.isin(whose, hours[counts >= MANY_ALERTS]) & (codes == KEPT)
    left = is_bad | beside
    if left.mean() > MOST_LEFT_OUT:
        raise LearningFailed(
            f"{left.sum():,} of {len(left):,} flows ({left.mean():.0%}) would be left out, as alerts of the old model "
            f"or beside them; more than {MOST_LEFT_OUT:.0%} says that this traffic is under attack, or has drifted too "
            "far for the old model to judge it: give other sources, call alerts benign (`oddflow feedback`), or learn "
            "anew from traffic that you trust"
        )
    last = np.zeros(len(left), bool)
    last[np.argsort(gathered.times_ns, kind="stable")[round(len(left) * (1 - TESTED_SHARE)) :]] = True
    learnt = ~left & ~last
    share = learnt.mean()
    known = replace(
        gathered,
        x=gathered.x[learnt],
        times_ns=gathered.times_ns[learnt],
        y=None,
        flows=max(1, round(sum(seen.flows for seen in gathered.seen) * share)),
    )
    return Sifted(
        known=known,
        tested=gathered.x[last & ~beside & (codes != MALICIOUS)],
        left_out=gathered.x[left],
        alerted=int((codes == ALERTED).sum()),
        malicious=int((codes == MALICIOUS).sum()),
        beside=int(beside.sum()),
        benign=int(((codes == BENIGN) & learnt).sum()),
    )


def options_of(model: SealedModel) -> dict[str, Any]:
    """The options that a model was learnt with, as its detector takes them.

    Raises:
        UsageError: It learns from labels, or was made with an option that no file can hold.
    """
    manifest = model.manifest
    if manifest.classes:
        raise UsageError(
            f"{manifest.detector} learns from labelled attacks, and --update from traffic without labels; learn it "
            "anew with --labels or --dataset"
        )
    options = {name: value for name, value in manifest.options.items() if name != "seed"}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def begun_from(old: SealedModel, begun: str) -> str:
    """What the manifest says of where a model that was learnt on came from."""
    return f"learnt on from {old.manifest.detector} {old.fingerprint}: {begun or 'anew, from what it let pass'}"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models on flows that neither learnt.

    Attributes:
        tested: How many flows, of the last of the time.
        before, after: How many of them are alerts of the old and of the new model.
        left_out: How many flows were left out.
        still: How many of those are alerts of the new model.
    """

    tested: int
    before: int
    after: int
    left_out: int
    still: int

    @property
    def told(self) -> str:
        """It in words."""
        kept = f"; of {self.left_out:,} left out, {self.still:,} are still alerts" if self.left_out else ""
        return f"on {self.tested:,} later flows: {self.before:,} alerts before, {self.after:,} after{kept}"


def compare(sifted: Sifted, old: SealedModel, new: SealedModel, thresholds: tuple[float, float]) -> Compared:
    """Each model at its own threshold for one budget, old and new."""

    def alerts(model: SealedModel, x: Floats, threshold: float) -> int:
        return int((model.scores(x) >= threshold).sum()) if len(x) else 0

    return Compared(
        tested=len(sifted.tested),
        before=alerts(old, sifted.tested, thresholds[0]),
        after=alerts(new, sifted.tested, thresholds[1]),
        left_out=len(sifted.left_out),
        still=alerts(new, sifted.left_out, thresholds[1]),
    )
