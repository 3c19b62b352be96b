"""Labelled data sets: what they hold, what their labels mean, how they are split and checked.

>>> from oddflow import datasets
>>> datasets.registry.find("nsl-kdd").title
'NSL-KDD'
"""

from oddflow.datasets import registry
from oddflow.datasets.loading import flows, load, load_labelled
from oddflow.datasets.place import folder
from oddflow.datasets.rows import Counted, Label, LabelledRows, Split

__all__ = ["Counted", "Label", "LabelledRows", "Split", "flows", "folder", "load", "load_labelled", "registry"]
