"""What the kept payload bytes look like, without reading them as any protocol."""

import numpy as np

from oddflow.jit import kernel


@kernel("void(u1[::1], i4[::1], f4[::1], f4[::1])", allocates=True)
def describe_payload(data, offsets, entropy, printable):
    """Shannon entropy in bits a byte, and the share of printable ASCII, of n payloads; 0 for an empty one."""
    histogram = np.zeros(256, np.int64)
    for i in range(entropy.shape[0]):
        size = offsets[i + 1] - offsets[i]
        entropy[i] = 0.0
        printable[i] = 0.0
        if size == 0:
            continue
        histogram[:] = 0
        readable = 0
        for byte in range(offsets[i], offsets[i + 1]):
            value = data[byte]
            histogram[value] += 1
            readable += np.int64(32 <= value < 127 or value in (9, 10, 13))
        bits = 0.0
        for value in range(256):
            if histogram[value] > 0:
                share = histogram[value] / size
                bits -= share * np.log2(share)
        entropy[i] = bits
        printable[i] = readable / size
