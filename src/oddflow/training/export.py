"""A fitted network as ONNX."""

import contextlib
import io
import logging
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import nn

from oddflow.models.graph import OPSET
from oddflow.training.recurrent_nodes import with_nodes


def to_onnx(network: nn.Module, width: int, outputs: Sequence[str] = ("drawn",)) -> onnx.ModelProto:
    """The network as a graph of one input `rows` (n, width) with any n, and the outputs in their order."""
    network.eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter warns of its own parts
        program = torch.onnx.export(
            with_nodes(network),
            (torch.zeros(2, width),),
            input_names=["rows"],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101  (only with fallback does it give none)
    return program.model_proto
