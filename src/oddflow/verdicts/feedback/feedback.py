"""Rules at work: which alerts they hide, which flows they show, and how they move the threshold."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.errors import InputError
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict, key_of
from oddflow.verdicts.feedback.rules import read_rules

MOST_MARKED = 0.01
"""Marks add or take at most this share of the held-back scores."""


class Feedback:
    """What people said of alerts.

    Args:
        rules: The oldest first.
        now: Rules that have expired by then say nothing.

    Attributes:
        rules: Those that hold.
    """

    def __init__(self, rules: Iterable[Rule], now: datetime | None = None) -> None:
        moment = now or datetime.now(UTC)
        self.rules = tuple(rule for rule in rules if rule.holds_at(moment))
        self._by_key: dict[tuple[object, ...], list[Rule]] = {}
        for rule in self.rules:
            self._by_key.setdefault((rule.pseudonyms, *rule.key), []).append(rule)
        self._malicious = [rule for rule in self.rules if rule.verdict is Verdict.MALICIOUS]

    @classmethod
    def read(cls, path: str | os.PathLike[str], now: datetime | None = None) -> "Feedback":
        """Rules of a file.

        Raises:
            Unreadable, InputError: See `read_rules`.
        """
        return cls(read_rules(os.fspath(path)), now)

    def speaking_of(self, alert: Alert) -> list[Rule]:
        """All rules that reach an alert."""
        keys = ((alert.pseudonyms, *key_of(scope, alert)) for scope in Scope)
        return [rule for key in keys for rule in self._by_key.get(key, ())]

    def is_malicious(self, alert: Alert) -> bool:
        """Whether anyone said that alerts like this are malicious: then nothing hides it."""
        return any(rule.verdict is Verdict.MALICIOUS for rule in self.speaking_of(alert))

    def hiding(self, alert: Alert) -> Rule | None:
        """The rule that hides an alert, the narrowest first; None where it is to be shown."""
        rules = self.speaking_of(alert)
        if any(rule.verdict is Verdict.MALICIOUS for rule in rules):
            return None
        return next((rule for rule in rules if rule.would_hide(alert)), None)

    def shown(self, flows: pa.RecordBatch, scores: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
        """Flows that may be in the reach of a malicious rule, and are as odd as what it was made of, (n,).

        Of rules of scope ALWAYS, whose reasons a flow must share, its alert tells: see `is_malicious`.
        """
        found = np.zeros(len(scores), bool)
        for rule in self._malicious:
            if rule.score < threshold:  # others are alerts anyway
                found |= _in_reach(rule, flows) & (scores >= np.float32(rule.score))
        return found

    def malicious(self, flows: pa.RecordBatch) -> NDArray[np.bool_]:
        """Flows in the reach of a malicious rule, however odd, (n,); of rules of scope ALWAYS alerts alone tell."""
        found = np.zeros(flows.num_rows, bool)
        for rule in self._malicious:
            if rule.scope is not Scope.ALWAYS:
                found |= _in_reach(rule, flows)
        return found

    def calibrated(self, held_back: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """Held-back scores as marks leave them, ascending: (n,) -> (m,), within 1 % of n.

        A benign mark is one more normal flow. It joins with its score, or with the highest held-back one where it is
        odder still: so a mark moves the threshold by one rank at most, and no mark moves it beyond what held-back flows
        themselves reach. A malicious mark takes out a held-back score that equals its own, to five digits: the flow was
        in the baseline. Of more marks than 1 % of n, the latest count. A threshold beyond the sample, which a few dozen
        peaks tell, would be moved far by one of them: marks leave it alone.

        Args:
            held_back: Scores of normal flows that nothing was fitted on, ascending, (n,).
            share: Of the normal flows, how many may be shown by mistake.
        """
        n = len(held_back)
        scores, latest = np.sort(held_back), int(MOST_MARKED * n)
        if share * (n + 1) < 1 or not latest:
            return scores
        for rule in [rule for rule in self.rules if rule.alert_id][-latest:]:
            if rule.verdict is Verdict.BENIGN:
                score = np.float32(min(rule.score, float(scores[-1])))
                scores = np.insert(scores, np.searchsorted(scores, score), score)
            elif len(scores) > 1:
                place = int(np.searchsorted(scores, np.float32(rule.score) * np.float32(1 - 1e-5)))
                if place < len(scores) and np.isclose(scores[place], rule.score, rtol=1e-5, atol=0):
                    scores = np.delete(scores, place)
        return scores

    def same_as(self, rules: Sequence[Rule]) -> bool:
        """Whether it holds just these rules."""
        return self.rules == tuple(rules)


def _in_reach(rule: Rule, flows: pa.RecordBatch) -> NDArray[np.bool_]:
    """Flows that share a rule's addresses and service, as far as its scope looks at them, (n,)."""
    found = np.ones(flows.num_rows, bool)
    wanted: dict[str, str | int] = {"src_ip": rule.src_ip, "dst_ip": rule.dst_ip}
    wanted = {name: value for name, value in wanted.items() if value}
    if rule.scope is not Scope.HOST:
        wanted |= {"protocol": rule.protocol, "dst_port": rule.dst_port}
    for name, value in wanted.items():
        column = flows.column(name)
        found &= np.asarray(pc.equal(column, pa.scalar(value, column.type)).fill_null(fill_value=False))
    return found


class FollowedFeedback:
    """Rules of a file that people go on changing.

    Args:
        path: The file; it must be there and hold rules at first. Later, what cannot be read leaves rules as they were.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._stamp = self._stamped()
        self._rules = read_rules(self._path)
        self._made: Feedback | None = None
        self._until = datetime.now(UTC)

    def now(self) -> Feedback:
        """The rules that hold now."""
        stamp = self._stamped()
        if stamp is not None and stamp != self._stamp:
            try:
                self._rules, self._made = read_rules(self._path), None
                self._stamp = stamp
            except InputError:
                pass  # half a change by another program: the next look finds the whole
        moment = datetime.now(UTC)
        if self._made is None or moment >= self._until:
            self._made = Feedback(self._rules, moment)
            ends = [rule.expires for rule in self._made.rules if rule.expires is not None]
            self._until = min(ends, default=datetime.max.replace(tzinfo=UTC))
        return self._made

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = Path(self._path).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
