"""Times of requests as the store counts them."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_NS = (1 << 63) - 1


def ns_of(time: datetime | None) -> int | None:
    """Nanoseconds since 1970, within what 64 bits hold.

    >>> ns_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000000
    """
    if time is None:
        return None
    return max(-MOST_NS, min(MOST_NS, (time - EPOCH) // timedelta(microseconds=1) * 1_000))


def moment(at_s: float | None) -> datetime | None:
    """Seconds since 1970 as a time; None for none, or for 0, which is never."""
    return datetime.fromtimestamp(at_s, UTC) if at_s else None
