"""Times of requests as the store counts them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_NS = (1 << 63) - 1
_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def dated(text: object) -> object:
    """The text of a time, where it begins with a date: "0.5" could be seconds, or hours.

    Raises:
        ValueError: It does not.
    """
    if isinstance(text, str) and not _DATED.match(text):
        raise ValueError("a time is like 2026-01-31T12:00:00Z")
    return text


Time = Annotated[AwareDatetime, BeforeValidator(dated)]


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
