"""Where a convolutional model looks, beside what torch makes of the same graph."""

import numpy as np
import torch
from torch import nn

from oddflow.features.image import SIDE, Image
from oddflow.inspection.differentiable import Differentiable
from oddflow.inspection.heat import heat as heat_in_torch
from oddflow.models.format import GRAPH, seal
from oddflow.models.graph import GraphBuilder
from oddflow.models.manifest import schema_sha256, sealed_features
from oddflow.models.sealed import SealedModel
from oddflow.training.export import to_onnx
from oddflow.verdicts.explaining.heat import heat
from tests.models.make import NOTHING, manifest


class Looking(nn.Module):
    """Pictures to a number, through two convolutions."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 3, 3, stride=2), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten()
        )
        self.told = nn.Linear(4 * 6 * 6, 1)

    def forward(self, rows):
        return self.told(self.layers(rows.reshape(-1, 1, SIDE, SIDE))).flatten()


def test_heat_is_that_of_torch():
    torch.manual_seed(1)
    features = Image().features
    builder = GraphBuilder(SIDE * SIDE)
    (number,) = builder.include(to_onnx(Looking().eval(), SIDE * SIDE), builder.x)
    graph = builder.finish(score=builder.add("Softplus", number), contributions=builder.add("Abs", builder.x))
    held_back = np.array([0.1, 0.2], np.float32)
    document = manifest(
        rows=2,
        features=features,
        feature_schema_sha256=schema_sha256(sealed_features(features)),
        ranges=[NOTHING] * len(features),
    )
    model = SealedModel(seal(document, graph.SerializeToString(), held_back, part=GRAPH))
    row = np.random.default_rng(0).random(SIDE * SIDE, np.float32)
    expected = heat_in_torch(Differentiable.of(model), row[None], side=SIDE)[0]
    assert expected.max() == 1
    np.testing.assert_allclose(heat(model, row, side=SIDE), expected, atol=1e-5)
