"""Numbers, times and targets in words: what every part of the page says in the same way."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from oddflow.schema import protocol_name
from oddflow.verdicts.alert import AlertRow

UNKNOWN = "–"
LONGEST_TEXT = 1_200
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PRINTED_AS_IT_IS = frozenset("\n\t")
# Cc, Cf, Cs, Zl, Zp: controls, direction marks and lone surrogates can hide or reorder what a person reads.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""Text from the traffic as it may be shown: no control or direction marks, not endless.

    >>> visible("invoice\u202efdp.exe")
    'invoice\\u202efdp.exe'
    """
    cut = text if len(text) <= longest else text[:longest] + " …"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(
        f"\\u{ord(sign):04x}" if sign not in _PRINTED_AS_IT_IS and unicodedata.category(sign) in _UNSEEN else sign
        for sign in cut
    )


def number(value: float) -> str:
    """A number as people write it: grouped, at most four digits after rounding.

    >>> number(1_000_000), number(0.012345), number(12.0), number(8.3e-9), number(float("nan"))
    ('1,000,000', '0.01235', '12', '8.3 × 10⁻⁹', '–')
    """
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        digits, power = f"{value:.2e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    if float(value).is_integer() or size >= 1e4:
        return f"{value:,.0f}"
    text = f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured(value: float, unit: str) -> str:
    """A number with its unit; seconds as people say them.

    >>> measured(0.000083, "s"), measured(16_432, "bytes"), measured(-2, "s")
    ('83 µs', '16,432 bytes', '-2 s')
    """
    if unit == "s" and 0 <= value < 1e9:
        return duration(round(value * 1_000_000_000))
    return f"{number(value)} {unit}".strip()


def places(scores: Iterable[float]) -> int:
    """How many decimals show scores side by side: by the greatest of them.

    >>> places([11.62, 9.1]), places([1234.5]), places([0.0123])
    (2, 1, 4)
    """
    greatest = max((abs(score) for score in scores if math.isfinite(score)), default=1.0)
    return 1 if greatest >= 1_000 else 2 if greatest >= 1 else 4


def count(amount: int, noun: str) -> str:
    """A counted noun.

    >>> count(1, "flow"), count(1000, "flow")
    ('1 flow', '1,000 flows')
    """
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent; small parts stay visible.

    >>> share(1, 8), share(1, 100_000), share(3, 3), share(0, 0)
    ('12.5 %', '0.001 %', '100 %', '–')
    """
    if not whole or not math.isfinite(part / whole):
        return UNKNOWN
    percent = 100 * part / whole
    if percent >= 1:
        # What is not the whole must not be rounded up to it.
        shown = percent if part == whole else min(percent, 99.9)
        return f"{shown:.1f}".removesuffix(".0") + " %"
    return f"{percent:.2g} %" if percent == 0 or percent >= 1e-4 else f"{percent:.0e} %"


def moment(time_ns: int) -> str:
    """A time in UTC to the second.

    >>> moment(1_700_000_000_123_456_789)
    '2023-11-14 22:13:20'
    """
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def duration(span_ns: int) -> str:
    """A length of time in its two greatest units.

    >>> duration(9_200_000_000), duration(3_725_000_000_000), duration(1_500), duration(0)
    ('9.2 s', '1 h 2 min', '1.5 µs', '0 s')
    """
    if span_ns <= 0:
        return "0 s"
    if span_ns < 60_000_000_000:
        for unit_ns, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
            if span_ns >= unit_ns:
                return f"{span_ns / unit_ns:.3g} {unit}"
        return f"{span_ns} ns"
    seconds = round(span_ns / 1_000_000_000)
    for greater_s, greater, lesser_s, lesser in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= greater_s:
            rest = seconds % greater_s // lesser_s
            return f"{seconds // greater_s} {greater}" + (f" {rest} {lesser}" if rest else "")
    return f"{seconds} s"


def endpoint(address: str, port: int) -> str:
    """An address with its port; port 0 stands for protocols that have none.

    >>> endpoint("10.0.0.5", 22), endpoint("fe80::1", 443), endpoint("10.0.0.5", 0)
    ('10.0.0.5:22', '[fe80::1]:443', '10.0.0.5')
    """
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def source_of(row: AlertRow) -> str:
    """Where the flows of a row came from."""
    addresses = {alert.src_ip for alert in row.alerts}
    return row.top.src_ip if len(addresses) == 1 else count(len(addresses), "host")


def destination_of(row: AlertRow) -> str:
    """Where the flows of a row went: one endpoint, or how many ports on how many hosts."""
    addresses = {alert.dst_ip for alert in row.alerts}
    ports = {alert.dst_port for alert in row.alerts}
    if len(addresses) == len(ports) == 1:
        return endpoint(row.top.dst_ip, row.top.dst_port)
    host = row.top.dst_ip if len(addresses) == 1 else count(len(addresses), "host")
    if len(ports) > 1:
        return f"{count(len(ports), 'port')} on {host}"
    return f"port {row.top.dst_port} on {host}" if row.top.dst_port else host


def protocols_of(row: AlertRow) -> str:
    """The protocol names of a row's flows, the speaking alert's first."""
    return ", ".join(dict.fromkeys(protocol_name(alert.protocol) for alert in row.alerts))


def ranges(values: Iterable[int], at_most: int = 12) -> str:
    """Whole numbers with their runs folded.

    >>> ranges([22, 80, 81, 82, 443])
    '22, 80–82, 443'
    """
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    shown = [str(low) if low == high else f"{low}–{high}" for low, high in runs[:at_most]]
    return ", ".join(shown) + (" …" if len(runs) > at_most else "")


def listed(items: Sequence[str], at_most: int = 8) -> str:
    """Items in one line; what is left out is counted.

    >>> listed(["a", "b", "c"], at_most=2)
    'a, b and 1 more'
    """
    if len(items) <= at_most:
        return ", ".join(items)
    return f"{', '.join(items[:at_most])} and {len(items) - at_most:,} more"
