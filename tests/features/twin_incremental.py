"""AfterImage in plain Python, after the paper (Mirsky et al. 2018, section IV-C): dictionaries, a stream at a time.

It forgets nothing. With `linked` it advances only so many pairs of a stream, those last talked over, like the kernel.
"""

import math

DECAYS = (5.0, 3.0, 1.0, 0.1, 0.01)


class Stream:
    """The damped sums of one stream at one decay."""

    def __init__(self, decay, time, is_jitter=False):
        self.decay, self.time, self.is_jitter = decay, time, is_jitter
        self.weight, self.total, self.squares = 1e-20, 0.0, 0.0
        self.mean, self.variance, self.residual = 0.0, 0.0, 0.0
        self.pairs = []  # the one last talked over comes first

    def insert(self, value, time, linked):
        passed = max(0.0, time - self.time)
        if self.is_jitter:
            value = passed
        factor = 2.0 ** (-self.decay * passed)
        self.weight = self.weight * factor + 1
        self.total = self.total * factor + value
        self.squares = self.squares * factor + value**2
        self.time = max(self.time, time)
        self.mean = self.total / self.weight
        self.variance = abs(self.squares / self.weight - self.mean**2)
        self.residual = value - self.mean
        for pair in self.pairs[:linked]:
            pair.advance(self, time)


class Pair:
    """What two streams have in common: the damped sum of products of their residuals."""

    def __init__(self, decay, time):
        self.decay, self.time = decay, time
        self.products, self.weight, self.last = 0.0, 1e-20, {}

    def advance(self, stream, time):
        factor = 2.0 ** (-self.decay * max(0.0, time - self.time))
        other = next((last for key, last in self.last.items() if key is not stream), 0.0)
        self.products = self.products * factor + stream.residual * other
        self.weight = self.weight * factor + 1
        self.time = max(self.time, time)
        self.last[stream] = stream.residual


class Incremental:
    """One packet after the other: the 100 features of each."""

    def __init__(self, linked=None):
        self.linked = linked
        self.streams, self.pairs = {}, {}

    def stream(self, decay, key, time, *, is_jitter=False):
        return self.streams.setdefault((decay, key), Stream(decay, time, is_jitter))

    def alone(self, decay, key, time, value, *, is_jitter=False):
        stream = self.stream(decay, key, time, is_jitter=is_jitter)
        stream.insert(value, time, self.linked)
        return [stream.weight, stream.mean, stream.variance]

    def together(self, decay, key, other_key, time, value):
        first = self.alone(decay, key, time, value)
        a, b = self.stream(decay, key, time), self.stream(decay, other_key, time)
        radius, magnitude = math.hypot(a.variance, b.variance), math.hypot(a.mean, b.mean)
        if a is b:
            return [*first, radius, magnitude, 0.0, 0.0]
        pair = self.pairs.setdefault((decay, frozenset((key, other_key))), Pair(decay, time))
        for stream in (a, b):
            stream.pairs = [pair, *(known for known in stream.pairs if known is not pair)]
        pair.advance(a, time)
        covariance = pair.products / pair.weight
        spread = math.sqrt(a.variance) * math.sqrt(b.variance)
        return [*first, radius, magnitude, covariance, covariance / spread if spread else 0.0]

    def features(self, time, length, *ends):
        """Time in s, length in bytes; any keys of MAC address, source, destination and both sockets."""
        mac, src, dst, src_socket, dst_socket = ends
        row = []
        for decay in DECAYS:
            row += self.alone(decay, ("mac", mac, src), time, length)
        for decay in DECAYS:
            row += self.together(decay, ("host", src), ("host", dst), time, length)
        for decay in DECAYS:
            row += self.alone(decay, ("jitter", src, dst), time, 0.0, is_jitter=True)
        for decay in DECAYS:
            row += self.together(decay, ("socket", src_socket), ("socket", dst_socket), time, length)
        return row
