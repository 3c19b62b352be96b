"""KitNET in NumPy, a row at a time, after the paper (Mirsky et al. 2018, sections IV-D and V)."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Member:
    """A tied autoencoder on rows that it brings to 0…1 by what it has seen."""

    def __init__(self, width, *, seed, hidden_ratio=0.75, learning_rate=0.1):
        hidden = math.ceil(width * hidden_ratio)
        self.rate = learning_rate
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self.weights = np.random.RandomState(seed).uniform(-1 / width, 1 / width, (width, hidden))
        self.hidden_bias, self.visible_bias = np.zeros(hidden), np.zeros(width)

    def scaled(self, x):
        return (x - self.low) / (self.high - self.low + 1e-16)

    def forward(self, x):
        y = sigmoid(x @ self.weights + self.hidden_bias)
        return y, sigmoid(y @ self.weights.T + self.visible_bias)

    def learn(self, x):
        self.low, self.high = np.minimum(self.low, x), np.maximum(self.high, x)
        x = self.scaled(x)
        y, z = self.forward(x)
        error = x - z
        back = (error @ self.weights) * y * (1 - y)
        self.weights += self.rate * (np.outer(x, back) + np.outer(error, y))
        self.hidden_bias += self.rate * back
        self.visible_bias += self.rate * error
        return math.sqrt((error**2).mean())

    def score(self, x):
        x = self.scaled(x)
        return math.sqrt(((x - self.forward(x)[1]) ** 2).mean())


def correlation_distances(rows):
    """One less the correlation of residuals about means as they were when each row came."""
    total, products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
    for count, x in enumerate(rows, 1):
        total += x
        residual = x - total / count
        products += np.outer(residual, residual)
    spread = np.sqrt(np.outer(np.diag(products), np.diag(products)))
    spread[spread == 0] = 1e-100
    return np.maximum(0, 1 - products / spread)


def clusters(distances, most):
    """Groups of at most `most` columns: the branches of a single-linkage dendrogram, cut where they are small enough.

    Made by Kruskal's rule: the shortest edge that joins two groups joins them.
    """
    width = len(distances)
    groups = {i: ([i], None) for i in range(width)}
    owner = list(range(width))
    edges = sorted((distances[i, j], i, j) for i in range(width) for j in range(i + 1, width))
    label = width
    for _, i, j in edges:
        a, b = sorted((owner[i], owner[j]))
        if a == b:
            continue
        members = groups[a][0] + groups[b][0]
        groups[label] = (members, (a, b))
        for member in members:
            owner[member] = label
        label += 1

    def cut(node):
        members, parts = groups[node]
        return [members] if len(members) <= most else [leaf for part in parts for leaf in cut(part)]

    return cut(label - 1)


class KitNet:
    """Learns a map of columns, then the ensemble, then scores."""

    def __init__(self, groups, *, seed=1234):
        self.groups = groups
        self.members = [Member(len(group), seed=seed) for group in groups]
        self.output = Member(len(groups), seed=seed)

    def learn(self, x):
        errors = np.array([m.learn(x[group]) for m, group in zip(self.members, self.groups, strict=True)])
        self.output.learn(errors)

    def score(self, x):
        errors = np.array([m.score(x[group]) for m, group in zip(self.members, self.groups, strict=True)])
        return self.output.score(errors)
