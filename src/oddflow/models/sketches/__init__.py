"""Summaries of rows that lie on many machines: each machine makes its own, and merged they tell of all rows.

Each takes rows by `update(…)` and another's by `merge(other)`, and goes through a file or a wire as `to_bytes()`.
All give the same whatever the partition and order, and are exact, but for `Cells` after one pass, whose quantiles are
within 1/256, and `Counts` beyond their room, which tell their error. docs/sketches.md says what each costs.
"""
