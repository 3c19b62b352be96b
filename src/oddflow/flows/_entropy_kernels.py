"""Entropy of a flow's kept payload bytes.

n log2 n is held as a whole number, so that a sum is the same in any order and can grow with each byte.
"""

import numpy as np

from oddflow._memory_kernels import GROWTHS, tally
from oddflow.jit import kernel

MOST_BYTES = 784
UNIT = np.int64(1) << 40
N_LOG_N = np.array([0] + [round(n * float(np.log2(n)) * int(UNIT)) for n in range(1, GROWTHS + 1)], np.int64)
GROWTH = np.diff(N_LOG_N)


@kernel()
def entropy_of(held, total):
    """Shannon entropy in bits a byte of `total` bytes whose counts give n log2 n in all, or NaN of none."""
    return np.float32((N_LOG_N[total] - held) / (np.float64(UNIT) * total)) if total > 0 else np.float32(np.nan)


@kernel()
def span_entropy(payload, row, start, end, counts):
    """Entropy of payload[row, start:end]; counts (2, 256) is room, empty before and after."""
    held = tally(payload, row * payload.shape[1] + start, end - start, counts, 0, GROWTH)
    counts[0, :] = 0
    return entropy_of(held, end - start)


@kernel()
def end_of_run(directions, row, at, used):
    """(where the bytes from `at` on that came from one side end, whether that is the responder)."""
    way = (directions[row, at >> 3] >> (at & 7)) & 1
    whole = 255 * way
    while at < used:
        octet = np.int64(directions[row, at >> 3])
        if at & 7 == 0 and octet == whole:
            at += 8
        elif (octet >> (at & 7)) & 1 == way:
            at += 1
        else:
            return at, way
    return used, way


@kernel()
def session_entropies(payload, directions, row, used, counts):
    """(forward, reverse) entropy of payload[row, :used]; a bit in `directions` marks the responder's bytes.

    counts (2, 256) is room for histograms, empty before and after.
    """
    begin, forward, reverse, from_responder = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while begin < used:
        end, is_reverse = end_of_run(directions, row, begin, used)
        first = row * payload.shape[1] + begin
        if is_reverse:
            reverse += tally(payload, first, end - begin, counts, 256, GROWTH)
            from_responder += end - begin
        else:
            forward += tally(payload, first, end - begin, counts, 0, GROWTH)
        begin = end
    counts[:, :] = 0
    return entropy_of(forward, used - from_responder), entropy_of(reverse, from_responder)
