"""Which alert to look at next: what an analyst could know of a queue, and the order that a sealed policy gives it."""
