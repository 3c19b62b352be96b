"""Segmentation of traffic matrices: which of their cells hold an attack."""

from typing import ClassVar, final

from oddflow.detectors.matrices import marks_of
from oddflow.detectors.registry import registered
from oddflow.detectors.segmenting import SegmentingDetector
from oddflow.features.matrix_settings import ROWS, SLOTS
from oddflow.features.representation import Reads
from oddflow.models.marks import Marks


@registered
@final
class MatrixSegmentation(SegmentingDetector):
    """Marks the cells of a host's traffic matrix that hold flows of an attack: to which ports or peers, and when.

    A flow is as odd as the worst cell of the time slot in which it ended: an attack that is over counts no more.

    Source: Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation"; Ronneberger et al. 2015,
    "U-Net".

    Args: See `SegmentingDetector`; features are the cells of a traffic matrix.
    """

    name: ClassVar[str] = "matrix-segmentation"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "an FCN or U-Net that marks the odd cells of a host's ports × time; learns from labels"
    good_at: ClassVar[str] = "scans, floods and guessing: which ports or peers, and since when"
    bad_at: ClassVar[str] = "attacks that were not learnt; single flows; what hides among a host's usual flows"
    paper: ClassVar[str] = "Long et al. 2015; Ronneberger et al. 2015"
    reads: ClassVar[Reads] = Reads.MATRIX

    def _marks_of(self, width: int) -> Marks:
        return marks_of(width, self.name)

    def _shape(self, width: int) -> tuple[int, ...]:  # noqa: ARG002
        return 1, ROWS, SLOTS
