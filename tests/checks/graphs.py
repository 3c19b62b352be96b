"""What torch makes of a sealed graph, beside ONNX Runtime."""

import numpy as np
import onnx
import pytest
import torch

from oddflow.errors import UsageError
from oddflow.inspection.differentiable import Differentiable
from oddflow.models.graph import TREES
from oddflow.models.sealed import score_graph


def agree_in_torch(content, rows):
    """Both give the same scores and contributions of rows (n, d); trees are refused, since they have no gradients."""
    if TREES in {node.domain for node in onnx.ModelProto.FromString(content).graph.node}:
        with pytest.raises(UsageError, match="trees"):
            Differentiable(content)
        return
    scores, contributions = score_graph(content, rows)
    values = Differentiable(content).run({"x": torch.from_numpy(rows.copy())}, ["score", "contributions"])
    np.testing.assert_allclose(values["score"].numpy(), scores, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(values["contributions"].numpy(), contributions, rtol=1e-2, atol=1e-3)
