"""The incremental representation: Kitsune's AfterImage, 100 damped statistics of the streams that each packet belongs to.

Source: Mirsky, Doitshman, Elovici & Shabtai 2018, "Kitsune: An Ensemble of Autoencoders for Online Network Intrusion
Detection", section IV; equal to their Kitsune-py but for what docs/detectors/kitnet.md lists.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.packets import PacketBatch
from oddflow.errors import UsageError
from oddflow.features import _layout as layout
from oddflow.features._incremental_kernels import add_packets
from oddflow.features.feature import Feature, Scale

VERSION = "incremental-1"
DECAYS = (5.0, 3.0, 1.0, 0.1, 0.01)
"""In 1/s: after 1/decay seconds a packet counts half."""

ALONE = (
    ("weight", "packets", "{value} of late, {of}"),
    ("mean", "{unit}", "{what} {value} on average, {of}"),
    ("variance", "{unit}²", "{what} vary by {value}, {of}"),
)
TOGETHER = (
    *ALONE,
    ("radius", "bytes²", "sizes vary by {value} both ways, {of}"),
    ("magnitude", "bytes", "packets of {value} both ways, {of}"),
    ("covariance", "bytes²", "sizes of both ways go together by {value}, {of}"),
    ("correlation", "", "sizes of both ways correlate by {value}, {of}"),
)
STREAMS = (
    ("mac", ALONE, "bytes", "packets of", "from this MAC and IP address"),
    ("host", TOGETHER, "bytes", "packets of", "between this source and this destination"),
    ("jitter", ALONE, "s", "gaps of", "from this source to this destination"),
    ("socket", TOGETHER, "bytes", "packets of", "between these two ports"),
)
