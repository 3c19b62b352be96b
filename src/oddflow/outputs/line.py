"""A notice as one line that a person reads."""

import unicodedata

from oddflow.outputs.notice import Notice
from oddflow.verdicts.alert import utc

LONGEST = 1_000
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""Text of any origin on one line: what cannot be seen is written out, what is endless is cut.

    >>> one_line("a\r\nb\u202ec")
    'a\\u000d\\u000ab\\u202ec'
    """
    cut = text if len(text) <= longest else text[:longest] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(f"\\u{ord(sign):04x}" if unicodedata.category(sign) in _UNSEEN else sign for sign in cut)


def end_of(address: str, port: int, name: str = "") -> str:
    """An address with its port and its name, where it has them.

    >>> end_of("10.0.0.5", 22, "files"), end_of("fe80::1", 443), end_of("10.0.0.5", 0)
    ('10.0.0.5:22 (files)', '[fe80::1]:443', '10.0.0.5')
    """
    joined = address if not port else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{joined} ({name})" if name else joined


def line_of(notice: Notice) -> str:
    """When, how bad, who, where to, why, how rare, and the id."""
    ends = (
        f"{end_of(notice.src_ip, notice.src_port, notice.src_name)} → "
        f"{end_of(notice.dst_ip, notice.dst_port, notice.dst_name)} {notice.transport}: "
        if notice.src_ip
        else ""
    )
    parts = [notice.title, notice.rarity]
    if notice.category:
        parts.append(f"likeliest {notice.category.replace('_', ' ')}, {notice.probability:.0%}")
    parts += notice.intelligence
    if notice.alert_ids:
        parts.append(f"{len(notice.alert_ids):,} alerts")
    why = "; ".join(part for part in parts if part)
    return one_line(f"{utc(notice.start_ns)} {notice.severity.name.lower()} {ends}{why} [{notice.id}]")
