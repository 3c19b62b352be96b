"""What follows from a record's own columns, whatever the source: the same names, texts and numbers everywhere."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ICMP, ICMP6 = 1, 58
_REQUESTS = {
    ICMP: ((8, 0), (13, 14), (15, 16), (17, 18), (10, 9)),
    ICMP6: ((128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)),
}
UNKNOWN = -1


def icmp_counterparts(protocol: int) -> Integers:
    """The type that answers each ICMP type, (256,); -1 where none does.

    Source: the Community ID specification, version 1, which has them from Zeek.

    >>> icmp_counterparts(1)[[8, 0, 3]]
    array([ 0,  8, -1])
    """
    counterparts = np.full(256, UNKNOWN, np.int64)
    for asks, answers in _REQUESTS[protocol]:
        counterparts[asks], counterparts[answers] = answers, asks
    return counterparts


def icmp_ends(protocol: Integers, kind: Integers, code: Integers) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """What stands for the two ports of ICMP messages: type and answering type, or type and code; -1 for others.

    Args:
        protocol: (n,).
        kind: ICMP types, (n,); -1 where unknown.
        code: ICMP codes, (n,); -1 where unknown.

    Returns:
        Of source and destination, (n,) each; and whether an answer is possible, which is so for all but ICMP's
        messages that go one way.
    """
    src, dst = np.full(len(protocol), UNKNOWN), np.full(len(protocol), UNKNOWN)
    answers = np.ones(len(protocol), np.bool_)
    for number in _REQUESTS:
        rows = np.flatnonzero((protocol == number) & (kind >= 0) & (kind < 256))
        asked = kind[rows]
        counterpart = icmp_counterparts(number)[asked]
        src[rows] = asked
        dst[rows] = np.where(counterpart >= 0, counterpart, np.maximum(code[rows], 0))
        answers[rows] = counterpart >= 0
    return src, dst, answers
