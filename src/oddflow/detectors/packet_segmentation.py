"""Segmentation of flows: which of their packets are an attack."""

from typing import ClassVar, final

import numpy as np

from oddflow.detectors.registry import registered
from oddflow.detectors.segmenting import SegmentingDetector
from oddflow.errors import UsageError
from oddflow.features.representation import Reads
from oddflow.models.marks import Marks


@registered
@final
class PacketSegmentation(SegmentingDetector):
    """Marks the packets of a flow that are an attack, among its first 32; a flow is as odd as its worst packet.

    It learns from packets with labels, or from flows with labels, by their worst packet.

    Source: Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation"; Ronneberger et al. 2015,
    "U-Net"; over time as in Perslev et al. 2019, "U-Time: A Fully Convolutional Network for Time Series Segmentation".

    Args: See `SegmentingDetector`; features are as many lengths as gaps.
    """

    name: ClassVar[str] = "packet-segmentation"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "an FCN or U-Net that marks the odd packets of a flow; learns from labels"
    good_at: ClassVar[str] = "where in a flow an attack is; attacks within flows that begin as usual"
    bad_at: ClassVar[str] = "attacks that were not learnt; what lies behind the 32nd packet; attacks of usual packets"
    paper: ClassVar[str] = "Long et al. 2015; Ronneberger et al. 2015"
    reads: ClassVar[Reads] = Reads.SEQUENCE

    def _marks_of(self, width: int) -> Marks:
        steps, left = divmod(width, 2)
        if left:
            raise UsageError(f"{self.name} reads as many lengths as gaps; {width} columns given")
        return Marks(np.arange(steps), np.ones(steps, bool), width)

    def _shape(self, width: int) -> tuple[int, ...]:
        return 2, width // 2
