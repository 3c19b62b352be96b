"""How often somebody may ask: token buckets, and tries that cost ever more waiting; both in bounded memory."""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEYS = 16_384
FREE_TRIES = 5
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0


class RateLimiter:
    """A token bucket for each key; the key that was longest unused is forgotten where there are too many.

    Args:
        per_s: Requests a second in the long run.
        burst: Requests at once.
        clock: Seconds that never go back.

    >>> times = iter([0.0, 0.0, 0.0, 10.0])
    >>> limiter = RateLimiter(0.1, 2, clock=lambda: next(times))
    >>> [limiter.wait_s("a") for _ in range(4)]
    [0.0, 0.0, 10.0, 0.0]
    """

    def __init__(self, per_s: float, burst: float, *, clock: Callable[[], float], most_keys: int = MOST_KEYS) -> None:
        self.per_s = per_s
        self.burst = burst
        self.most_keys = most_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Takes one; how long to wait before there is one again where none is left, else 0."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(key, (self.burst, now))
            left = min(self.burst, left + max(0.0, now - at) * self.per_s)
            taken = left >= 1.0
            self._buckets[key] = (left - taken, now)
            while len(self._buckets) > self.most_keys:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self.per_s

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed tries at a log-in.

    Attributes:
        failed: Since the last that went well.
        locked_until_s: No try is looked at before; seconds since 1970.
    """

    failed: int = 0
    locked_until_s: float = 0.0

    def after_failure(self, now_s: float) -> "Tries":
        """One more: from the fifth on each doubles the wait, up to a quarter of an hour and never beyond.

        >>> Tries(4).after_failure(0.0), Tries(40).after_failure(0.0).locked_until_s
        (Tries(failed=5, locked_until_s=15.0), 900.0)
        """
        failed = min(self.failed + 1, 1_000)
        if failed < FREE_TRIES:
            return Tries(failed)
        return Tries(failed, now_s + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failed - FREE_TRIES, 16)))


class Failures:
    """Tries at names that no account has, and at those of browsers that are known; kept in memory alone.

    Unknown names are locked just as known ones are, so that a lock tells nobody which names exist.
    """

    def __init__(self, *, most_keys: int = MOST_KEYS) -> None:
        self.most_keys = most_keys
        self._tries: OrderedDict[str, Tries] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: str) -> Tries:
        """Of a name."""
        with self._lock:
            return self._tries.get(key, Tries())

    def add(self, key: str, now_s: float) -> None:
        """One more."""
        with self._lock:
            self._tries[key] = self._tries.pop(key, Tries()).after_failure(now_s)
            while len(self._tries) > self.most_keys:
                self._tries.popitem(last=False)

    def forget(self, key: str) -> None:
        """A try went well."""
        with self._lock:
            self._tries.pop(key, None)

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._tries)


def network_of(address: str) -> str:
    """Whom limits are for: an IPv4 address, or the /64 that one person has in IPv6.

    >>> network_of("192.0.2.7"), network_of("2001:db8::5:1"), network_of("testclient")
    ('192.0.2.7', '2001:db8::/64', 'testclient')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
