"""What windows tell, computed anew for each flow from lists and dictionaries."""

import math
from collections import Counter, defaultdict

RING, BUCKETS = 64, 64
WIDTH_NS, SLOT_NS, WARM_NS, HOUR_NS = 120 * 10**9, 10 * 10**9, 300 * 10**9, 3_600 * 10**9
WORD = 2**64


def mixed(hashed, word):
    """splitmix64's finaliser."""
    hashed = ((hashed ^ int(word)) + 0x9E3779B97F4A7C15) % WORD
    hashed = ((hashed ^ (hashed >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    hashed = ((hashed ^ (hashed >> 27)) * 0x94D049BB133111EB) % WORD
    return hashed ^ (hashed >> 31)


def entropy(values):
    counts = Counter(values)
    return -sum(n / len(values) * math.log2(n / len(values)) for n in counts.values())


def correlation(left, right):
    count = len(left)
    means = sum(left) / count, sum(right) / count
    apart = [(a - means[0], b - means[1]) for a, b in zip(left, right, strict=True)]
    varied = [sum(pair[side] ** 2 for pair in apart) for side in (0, 1)]
    if min(varied) < 1e-9:
        return 0.0
    return sum(a * b for a, b in apart) / math.sqrt(varied[0] * varied[1])


class Key:
    """What is known of one host, or of one service."""

    def __init__(self, hour):
        self.window = []
        self.past = [Counter(), Counter()]
        self.flows = Counter()  # by slot
        self.first_hour = self.last_hour = hour
        self.hours = Counter()
        self.learnt = defaultdict(lambda: (0, 0.0))


class Twin:
    """Of one kind of key; `most_keys` of them."""

    def __init__(self, most_keys, means):
        self.most_keys = most_keys
        self.keys = {}  # the newest last
        self.forgotten = 0
        self.seen = set()
        self.past = [Counter(), Counter()]
        self.past_count = 0
        self.flows = Counter()
        self.begin = self.now = None
        self.means, self.meant = list(means), 0

    def add(self, end_ns, name, values, sizes):
        if self.begin is None:
            self.begin = self.now = end_ns
        self.now = now = max(self.now, end_ns)
        if name not in self.keys and len(self.keys) == self.most_keys:
            del self.keys[next(iter(self.keys))]
            self.forgotten += 1
        key = self.keys[name] = self.keys.pop(name, None) or Key(now // HOUR_NS)
        while key.window and (len(key.window) == RING or key.window[0][0] <= now - WIDTH_NS):
            gone = key.window.pop(0)
            for place in (0, 1):
                for past in (key.past, self.past):
                    past[place][mixed(0, gone[1][place]) % BUCKETS] += 1
            self.past_count += 1
        news = []
        for place in (0, 1):
            news.append((name, place, values[place]) not in self.seen and now - self.begin >= WARM_NS)
            self.seen.add((name, place, values[place]))
        key.window.append((now, values, sizes, news))
        self.flows[now // SLOT_NS] += 1
        key.flows[now // SLOT_NS] += 1
        hour = self._hour(key, now // HOUR_NS)
        return [
            *self._entropies(key),
            *(self._divergence(key, place) for place in (0, 1)),
            self._sizes(key),
            self._with_network(key),
            *hour,
            *news,
            *(sum(event[3][place] for event in key.window) for place in (0, 1)),
        ]

    def _entropies(self, key):
        first, second, third = ([event[1][place] for event in key.window] for place in range(3))
        both = entropy(list(zip(first, second, strict=True)))
        bits = [entropy(first), entropy(second), entropy(third), both - entropy(first), both - entropy(second)]
        whole = math.log2(len(first))
        told = [6 * (each + mean) / (whole + 1) for each, mean in zip(bits, self.means, strict=True)]
        if whole:
            self.meant = min(self.meant + 1, 1_024)
            self.means = [m + (b / whole - m) / self.meant for m, b in zip(self.means, bits, strict=True)]
        return told

    def _divergence(self, key, place):
        if self.past_count < RING:
            return 0.0
        count, own = len(key.window), sum(key.past[place].values())
        now = Counter(mixed(0, event[1][place]) % BUCKETS for event in key.window)
        bits = 0.0
        for bucket in range(BUCKETS):
            usual = (self.past[place][bucket] + 1) / (self.past_count + BUCKETS)
            usual = (key.past[place][bucket] + 16 * usual) / (own + 16)
            share = (now[bucket] + 4 * usual) / (count + 4)
            bits += share * math.log2(share / usual)
        return bits

    def _sizes(self, key):
        count = len(key.window)
        return correlation(*zip(*(event[2] for event in key.window), strict=True)) * count / (count + 8)

    def _with_network(self, key):
        slots = range(self.now // SLOT_NS - 11, self.now // SLOT_NS + 1)
        return correlation([key.flows[s] for s in slots], [self.flows[s] - key.flows[s] for s in slots])

    def _hour(self, key, hour):
        for passed in range(key.last_hour, min(hour, key.last_hour + 168)):
            if passed == key.first_hour:
                continue
            for kind in ((24, passed % 24), (168, passed % 168)):
                count, mean = key.learnt[kind]
                count = min(count + 1, 8)
                key.learnt[kind] = count, mean + (key.hours[passed] - mean) / count
        key.last_hour = hour
        key.hours[hour] += 1
        told = []
        for kind in ((24, hour % 24), (168, hour % 168)):
            count, mean = key.learnt[kind]
            expected = mean * (self.now % HOUR_NS) / HOUR_NS
            told.append((key.hours[hour] - expected) / math.sqrt(expected + 1) if count else 0.0)
        return told
