"""Readers of data sets: a kind of file each."""

from collections.abc import Mapping

from oddflow.datasets.readers import arff, binetflow, cic, flows, idx, kdd, npz, unsw
from oddflow.datasets.readers.piece import Reader

READERS: Mapping[str, Reader] = {
    "arff": arff.read,
    "binetflow": binetflow.read,
    "cic": cic.read,
    "flows": flows.read,
    "idx": idx.read,
    "kdd": kdd.read,
    "npz": npz.read,
    "packets": flows.read_packets,
    "unsw": unsw.read,
}
"""By the names that descriptions use."""
