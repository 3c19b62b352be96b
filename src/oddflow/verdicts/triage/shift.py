"""A shift: a queue of candidates, an analyst's minutes, and what the looks so far have told.

The state of the environment that a policy learns in, and of the plan that `oddflow detect --triage` makes of it: both
must show a policy the same numbers.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.verdicts.triage.candidate import Candidate

VERSION = "triage-1"
"""Names the columns below; a policy that learnt others is refused."""
WINDOW = 32
"""So many of the open candidates, the highest scores first, are before the analyst at a time."""
ASIDE_MINUTES = 0.5
"""What it costs to set a kind of alert aside."""
BENIGN, MALICIOUS, UNKNOWN = 0, 1, 2

_COLUMNS = (
    ("score_over_median", "score {value} above the queue's median, as a logarithm"),
    ("rank_share", "{value} of the queue scores higher"),
    ("alerts", "{value} alerts, as a logarithm"),
    ("peers", "{value} destinations, as a logarithm"),
    ("ports", "{value} ports, as a logarithm"),
    ("lasted", "lasted {value} s, as a logarithm"),
    ("category_probability", "{value} likely an attack of a known kind"),
    ("is_tcp", "TCP: {value}"),
    ("is_udp", "UDP: {value}"),
    ("has_payload", "with data: {value}"),
    ("minutes", "{value} minutes for a look, as a logarithm"),
    ("alike_open", "{value} open candidates alike, as a logarithm"),
    ("source_open", "{value} open candidates of its source, as a logarithm"),
    ("alike_looked", "{value} alike looked at, as a logarithm"),
    ("alike_benign", "{value} alike found benign, as a logarithm"),
    ("alike_malicious", "{value} alike found malicious, as a logarithm"),
    ("source_looked", "{value} of its source looked at, as a logarithm"),
    ("source_benign", "{value} of its source found benign, as a logarithm"),
    ("source_malicious", "{value} of its source found malicious, as a logarithm"),
    ("hosts_malicious", "{value} found malicious that share a host, as a logarithm"),
    ("minutes_left_share", "{value} of the shift is left"),
    ("outcomes_unknown", "what looks found is not known: {value}"),
    ("sets_aside", "sets a kind aside: {value}"),
)
FEATURES = tuple(Feature(name, "", Scale.LINEAR, words) for name, words in _COLUMNS)
WIDTH = len(FEATURES)
_FIXED = 11

Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Shift:
    """One analyst's shift over one queue.

    An action is a place in the window, to look at that candidate; or `WINDOW`, to set aside all open candidates that
    are alike to the last one found benign.

    Attributes:
        candidates: The queue, the highest scores first.
        minutes: Of the shift.
        left_minutes: What is left of them.
        looked: Places of candidates in the order of the looks.
    """

    def __init__(self, candidates: Sequence[Candidate], minutes: float, *, hidden: bool = False) -> None:
        """A shift that begins; `hidden` tells the policy nothing of what looks find."""
        self.candidates = sorted(candidates, key=lambda candidate: -candidate.score)
        self.minutes = self.left_minutes = minutes
        self.hidden = hidden
        self.looked: list[int] = []
        n = len(self.candidates)
        self.cost = np.array([candidate.minutes for candidate in self.candidates], np.float32)
        self._open = np.ones(n, np.bool_)
        self._aside = -1
        self._found = np.zeros((n, 3), np.float32)  # looked at, found benign, found malicious
        self._fixed = _fixed(self.candidates, self.cost)
        self._alike = _shared([[candidate.kind] for candidate in self.candidates])
        self._source = _shared([[candidate.source] for candidate in self.candidates])
        self._hosts = _shared([sorted(candidate.hosts) for candidate in self.candidates])

    def window(self) -> NDArray[np.int64]:
        """Places of the open candidates that are before the analyst, (≤ WINDOW,)."""
        return np.flatnonzero(self._open)[:WINDOW]

    @property
    def is_over(self) -> bool:
        """Whether nothing that is left fits into what is left of the shift."""
        window = self.window()
        return not (len(window) and self.cost[window].min() <= self.left_minutes)

    def options(self) -> tuple[Rows, Mask]:
        """What a policy sees of each action, (WINDOW + 1, WIDTH), and which may be taken, (WINDOW + 1,)."""
        rows, allowed = np.zeros((WINDOW + 1, WIDTH), np.float32), np.zeros(WINDOW + 1, np.bool_)
        window = self.window()
        if self._aside >= 0:
            rows[WINDOW] = self._seen(np.array([self._aside]))[0]
            allowed[WINDOW] = self.left_minutes >= ASIDE_MINUTES and bool((self._alike[self._aside] & self._open).any())
        rows[: len(window)] = self._seen(window)
        rows[WINDOW, -1] = 1
        allowed[: len(window)] = self.cost[window] <= self.left_minutes
        return rows, allowed

    def look(self, action: int, outcome: int) -> int:
        """Looks at a candidate of the window, whose outcome is told; its place in the queue."""
        place = int(self.window()[action])
        self.left_minutes -= float(self.cost[place])
        self.looked.append(place)
        self._open[place] = False
        self._found[place] = (1, outcome == BENIGN and not self.hidden, outcome == MALICIOUS and not self.hidden)
        if outcome == BENIGN and not self.hidden:
            self._aside = place
        return place

    def set_aside(self) -> None:
        """Takes all that is alike to the last benign candidate out of the queue."""
        self.left_minutes -= ASIDE_MINUTES
        self._open &= ~self._alike[self._aside]
        self._aside = -1

    def waste(self, minutes: float) -> None:
        """Time passes; nothing was done."""
        self.left_minutes -= minutes

    def _seen(self, places: NDArray[np.int64]) -> Rows:
        alike, source, hosts = (
            shared[places].astype(np.float32) for shared in (self._alike, self._source, self._hosts)
        )
        opened = self._open.astype(np.float32)
        counts = np.column_stack([
            alike @ opened, source @ opened, alike @ self._found, source @ self._found, hosts @ self._found[:, 2],
        ])  # fmt: skip
        state = np.array([max(0.0, self.left_minutes) / self.minutes, float(self.hidden), 0.0], np.float32)
        return np.hstack([self._fixed[places], np.log1p(counts), np.tile(state, (len(places), 1))])


def _fixed(candidates: Sequence[Candidate], cost: NDArray[np.float32]) -> Rows:
    """What does not change in a shift, (n, 11)."""
    if not candidates:
        return np.zeros((0, _FIXED), np.float32)
    scores = np.log(np.maximum([candidate.score for candidate in candidates], 1e-6))
    return np.column_stack([
        np.clip(scores - np.median(scores), -8, 8),
        np.arange(len(candidates)) / len(candidates),
        np.log1p([candidate.alerts for candidate in candidates]),
        np.log1p([candidate.peers for candidate in candidates]),
        np.log1p([candidate.ports for candidate in candidates]),
        np.log1p([candidate.lasted_s for candidate in candidates]),
        [candidate.category_probability for candidate in candidates],
        [candidate.protocol == 6 for candidate in candidates],
        [candidate.protocol == 17 for candidate in candidates],
        [candidate.has_payload for candidate in candidates],
        np.log(cost),
    ]).astype(np.float32)  # fmt: skip


def _shared(sets: Sequence[Sequence[Hashable]]) -> Mask:
    """Which share a member: n sets -> (n, n)."""
    numbers = {member: number for number, member in enumerate({member for one in sets for member in one})}
    members = np.zeros((len(sets), len(numbers)), np.float32)
    for place, one in enumerate(sets):
        members[place, [numbers[member] for member in one]] = 1
    return members @ members.T > 0
