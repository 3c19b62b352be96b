"""Numbers, sizes, durations, times and addresses as people type them."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta

SIZES = {
    "": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "tb": 10**12,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
NUMBERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0,
           "w": 604_800.0}  # fmt: skip
GREATEST = float(1 << 64)
_AMOUNT = re.compile(r"^([+-]?(?:\d[\d_]*)?\.?\d+(?:e[+-]?\d{1,3})?)([a-zµ]*)$", re.ASCII | re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(us|µs|ms|min|[smhdw])", re.IGNORECASE)
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$", re.ASCII)


def amount(text: str, units: dict[str, int]) -> int | float | None:
    """A number with a unit; None for what is none.

    >>> amount("10MB", SIZES), amount("1_500", NUMBERS), amount("2.5k", NUMBERS), amount("ten", NUMBERS)
    (10000000, 1500, 2500, None)
    """
    match = _AMOUNT.match(text)
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        return None
    digits = match[1].replace("_", "")
    value = (float(digits) if set(digits) & set(".eE") else int(digits)) * factor
    if not abs(value) <= GREATEST:
        return None
    return int(value) if int(value) == value else value


def duration_s(text: str) -> float | None:
    """A time span in seconds; None for what is none.

    >>> duration_s("5m"), duration_s("1h30m"), duration_s("250ms"), duration_s("soon")
    (300.0, 5400.0, 0.25, None)
    """
    found = _SPAN.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        plain = amount(text, {"": 1})
        return None if plain is None else float(plain)
    total = sum(float(number) * SECONDS[unit.lower()] for number, unit in found)
    return total if total <= GREATEST else None


def time_ns(text: str, now_ns: int) -> int | None:
    """A time in ns since 1970: ISO 8601, UTC unless it says otherwise; a time of today; now, today, yesterday.

    >>> time_ns("2023-11-14T22:13:20Z", 0), time_ns("today", 86_400_000_000_001), time_ns("10:00", 5)
    (1700000000000000000, 86400000000000, 36000000000000)
    """
    word = text.lower()
    try:
        day = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).replace(hour=0, minute=0, second=0)
        if word == "now":
            return now_ns
        if word in {"today", "yesterday"}:
            at = day - timedelta(days=word == "yesterday")
        elif clock := _CLOCK.match(text):
            at = day.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
        else:
            at = datetime.fromisoformat(text)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        told = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    except (ValueError, OverflowError, OSError):
        return None
    return told if abs(told) < 1 << 63 else None


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network in CIDR notation, or an address as a network of one; None for what is neither.

    >>> network("10.1.2.3/8"), network("fd00::1"), network("ten")
    (IPv4Network('10.0.0.0/8'), IPv6Network('fd00::1/128'), None)
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
