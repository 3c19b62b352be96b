"""Flows on disk, an hour a partition, and what is asked of them."""
