"""torch and ONNX Runtime give the same, for every network and any number of rows."""

from itertools import islice

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from oddflow.training.export import to_onnx  # noqa: E402
from tests.networks.zoo import CASES, made, outputs  # noqa: E402


def batched(names, size):
    left = iter(names)
    while batch := tuple(islice(left, size)):
        yield batch


class SideBySide(torch.nn.Module):
    """Several networks as one, because an export takes half a second before it looks at the network."""

    def __init__(self, networks, widths):
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)
        self.widths = widths

    def forward(self, x):
        given = [net(part) for net, part in zip(self.networks, torch.split(x, self.widths, dim=1), strict=True)]
        return tuple(part for parts in given for part in (parts if isinstance(parts, tuple) else (parts,)))


@pytest.mark.slow
@pytest.mark.parametrize("names", list(batched(CASES, 8)), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_the_graph_says_what_the_network_says(names):
    networks, rows = zip(*(made(name) for name in names), strict=True)
    together = SideBySide(networks, [CASES[name].width for name in names])
    x = torch.cat(rows, dim=1)
    labels = [f"{name} {number}" for name in names for number in range(len(CASES[name].outputs))]
    session = onnxruntime.InferenceSession(to_onnx(together, x.shape[1], labels).SerializeToString())
    for count in (1, 5):
        given = session.run(labels, {"rows": x[:count].numpy()})
        for label, said, wanted in zip(labels, given, outputs(together, x[:count]), strict=True):
            np.testing.assert_allclose(said, wanted.numpy(), atol=1e-5, rtol=1e-5, err_msg=label)
