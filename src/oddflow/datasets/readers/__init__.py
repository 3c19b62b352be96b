"""Readers of data sets: a kind of file each."""

from collections.abc import Mapping

from oddflow.datasets.readers import kdd
from oddflow.datasets.readers.piece import Reader

READERS: Mapping[str, Reader] = {"kdd": kdd.read}
"""By the names that descriptions use."""
