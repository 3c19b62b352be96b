"""Who waits for the end: three linked lists of rows by time of the last packet, one of open TCP flows, one of TCP flows
that have said goodbye, and one of all others."""

import numpy as np

from oddflow.flows._key_kernels import TCP
from oddflow.flows._layout import CLOSED_HEAD, DATAGRAM_HEAD, NONE, OPEN_HEAD
from oddflow.jit import kernel


@kernel()
def unlink(links, meter, row, head):
    """Takes a row out of the list that starts at meter[head]."""
    before, after = links[row, 0], links[row, 1]
    if before == NONE:
        meter[head] = after
    else:
        links[before, 1] = after
    if after == NONE:
        meter[head + 1] = before
    else:
        links[after, 0] = before


@kernel()
def append(links, meter, row, head):
    """Puts a row at the end of the list that starts at meter[head]."""
    tail = meter[head + 1]
    links[row, 0] = tail
    links[row, 1] = NONE
    if tail == NONE:
        meter[head] = row
    else:
        links[tail, 1] = row
    meter[head + 1] = row


@kernel()
def move_to_end(links, meter, row, head):
    """Makes a row the last of its list."""
    if meter[head + 1] != row:
        unlink(links, meter, row, head)
        append(links, meter, row, head)


@kernel()
def list_of(flow):
    """The list a flow stands in."""
    if flow.closed:
        return CLOSED_HEAD
    return OPEN_HEAD if flow.protocol == TCP else DATAGRAM_HEAD


@kernel()
def oldest(flows, meter):
    """The row whose last packet is the longest ago."""
    found = np.int64(NONE)
    for head in (CLOSED_HEAD, OPEN_HEAD, DATAGRAM_HEAD):
        row = meter[head]
        if row != NONE and (found == NONE or flows[row].end_ns < flows[found].end_ns):
            found = row
    return found
