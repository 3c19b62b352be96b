"""Summaries of rows that lie on many machines: each machine makes its own, and merged they tell of all rows.

Each takes rows by `update(…)` and another's by `merge(other)`, and goes through a file or a wire as `to_bytes()`.
All but `categories.Counts` beyond its room are exact: the same whatever the partition and the order. docs/sketches.md
says what each costs, and what its error is.
"""
