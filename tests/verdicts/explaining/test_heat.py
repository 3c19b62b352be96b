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
from oddflow.verdicts.alerting import normal_of
from oddflow.verdicts.explaining.attribution import attribution
from oddflow.verdicts.explaining.heat import HeatMethod, byte_heat, heat
from oddflow.verdicts.explaining.parts import parts_of
from oddflow.verdicts.explaining.substitutes import Substitutes
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


def looking(*, decomposes=False):
    """A sealed network of two convolutions, and a score that is made of its columns' parts if that is said."""
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
        decomposes=decomposes,
    )
    return SealedModel(seal(document, graph.SerializeToString(), held_back, part=GRAPH))


def test_heat_is_that_of_torch():
    model = looking()
    row = np.random.default_rng(0).random(SIDE * SIDE, np.float32)
    expected = heat_in_torch(Differentiable.of(model), row[None], side=SIDE)[0]
    assert expected.max() == 1
    np.testing.assert_allclose(heat(model, row, side=SIDE), expected, atol=1e-5)


def told(model, row):
    substitutes = Substitutes.of(model, normal_of(model, model.held_back, "x"), row, np.inf)
    parts = parts_of(model.features)
    return byte_heat(model, row, parts, substitutes, attribution(model, row, parts, substitutes))


def test_bytes_of_a_score_that_is_made_of_their_parts_are_as_warm_as_these():
    row = np.zeros(SIDE * SIDE, np.float32)
    row[[40, 41, 300]] = 0.5, 1.0, 0.25  # parts are the bytes themselves
    seen, method = told(looking(decomposes=True), row)
    assert method is HeatMethod.PARTS
    np.testing.assert_allclose(seen, row, atol=1e-6)


def test_bytes_of_another_score_are_as_warm_as_grad_cam_says():
    model = looking()
    row = np.random.default_rng(0).random(SIDE * SIDE, np.float32)
    seen, method = told(model, row)
    assert method is HeatMethod.GRAD_CAM
    np.testing.assert_array_equal(seen, heat(model, row, side=SIDE).reshape(-1))
