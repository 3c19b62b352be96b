"""Counts, bytes and times in words; imports nothing, so that small commands start at once."""

BYTE_UNITS = ("B", "KB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes with a unit of 1,000.

    >>> size(812), size(45_000), size(1_250_000)
    ('812 B', '45 KB', '1.2 MB')
    """
    power = 0
    while abs(count) >= 1000 and power < len(BYTE_UNITS) - 1:
        count /= 1000
        power += 1
    digits = 0 if power == 0 or abs(count) >= 10 else 1
    return f"{count:.{digits}f} {BYTE_UNITS[power]}"


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "flow"), count(7516, "flow")
    ('1 flow', '7,516 flows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def seconds(value: float) -> str:
    """A time span.

    >>> seconds(0.0004), seconds(2.5), seconds(150)
    ('0.4 ms', '2.5 s', '2.5 min')
    """
    if abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    if abs(value) < 100:
        return f"{value:.3g} s"
    return f"{value / 60:.3g} min" if abs(value) < 6_000 else f"{value / 3600:.3g} h"
