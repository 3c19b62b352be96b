"""Entropy of a flow's kept payload bytes."""

import numpy as np

from oddflow.jit import kernel

MOST_BYTES = 784
N_LOG_N = np.array([0.0] + [n * np.log2(n) for n in range(1, MOST_BYTES + 1)])


@kernel()
def entropy_of(counts, way, total):
    """Shannon entropy in bits a byte of the histogram counts[way], or NaN of none; empties it."""
    held = 0.0
    for value in range(256):
        if counts[way, value] > 1:
            held += N_LOG_N[counts[way, value]]
        counts[way, value] = 0
    return np.float32((N_LOG_N[total] - held) / total) if total > 0 else np.float32(np.nan)


@kernel()
def span_entropy(payload, row, start, end, counts):
    """Entropy of payload[row, start:end]."""
    for at in range(start, end):
        counts[0, payload[row, at]] += 1
    return entropy_of(counts, 0, end - start)


@kernel()
def session_entropies(payload, directions, row, used, counts):
    """(forward, reverse) entropy of payload[row, :used]; a bit in `directions` marks the responder's bytes.

    counts (2, 256) is room for histograms, empty before and after.
    """
    from_responder = np.int64(0)
    for octet in range((used + 7) >> 3):
        from_responder += directions[row, octet] > 0
    if from_responder == 0:
        return span_entropy(payload, row, 0, used, counts), np.float32(np.nan)
    from_responder = 0
    for at in range(used):
        way = np.int64((directions[row, at >> 3] >> (at & 7)) & 1)
        counts[way, payload[row, at]] += 1
        from_responder += way
    return entropy_of(counts, 0, used - from_responder), entropy_of(counts, 1, from_responder)
