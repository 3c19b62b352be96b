"""What holds for every network: its shapes, its rows, its gradients, its ONNX graph, its source."""

import importlib
import inspect
import pkgutil
import re
from itertools import islice

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

import oddflow.networks  # noqa: E402
from oddflow.training.export import to_onnx  # noqa: E402
from tests.networks.zoo import CASES  # noqa: E402

MODULES = [
    importlib.import_module(f"oddflow.networks.{found.name}")
    for found in pkgutil.iter_modules(oddflow.networks.__path__)
]


def batched(names, size):
    left = iter(names)
    while batch := tuple(islice(left, size)):
        yield batch


def made(name):
    """The network with weights by chance, running statistics as after some training, and rows."""
    case = CASES[name]
    torch.manual_seed(0)
    network = case.make()
    rows = case.rows(5, case.width)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 0:
                parameter.fill_(0.5)  # the γ of attention, which begins with 0
        network.train()(rows)
    return network.eval(), rows


def outputs(network, rows):
    with torch.no_grad():
        given = network(rows)
    return given if isinstance(given, tuple) else (given,)


@pytest.mark.parametrize("name", CASES)
def test_rows_in_rows_out_each_by_itself_and_none_changed(name):
    network, rows = made(name)
    before = rows.clone()
    together = outputs(network, rows)
    assert tuple(output.shape[1:] for output in together) == CASES[name].outputs
    for count in (0, 1):
        for few, all_of_them in zip(outputs(network, rows[:count]), together, strict=True):
            assert few.shape == (count, *all_of_them.shape[1:])
            torch.testing.assert_close(few, all_of_them[:count], atol=1e-5, rtol=1e-5)
    assert torch.equal(rows, before)
    assert all(torch.isfinite(output).all() for output in together)


@pytest.mark.parametrize("name", CASES)
def test_every_weight_learns(name):
    network, rows = made(name)
    network.train()
    given = network(rows)
    torch.manual_seed(1)
    sum((part * torch.randn(part.shape)).sum() for part in (given if isinstance(given, tuple) else (given,))).backward()
    for parameter_name, parameter in network.named_parameters():
        if any(part in parameter_name for part in CASES[name].idle):
            continue
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name


class SideBySide(torch.nn.Module):
    """Several networks as one, because an export takes half a second before it looks at the network."""

    def __init__(self, networks, widths):
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)
        self.widths = widths

    def forward(self, x):
        given = [net(part) for net, part in zip(self.networks, torch.split(x, self.widths, dim=1), strict=True)]
        return tuple(part for parts in given for part in (parts if isinstance(parts, tuple) else (parts,)))


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


def test_no_network_is_left_out():
    used = {type(part) for case in CASES.values() for part in case.make().modules()}
    written = {
        thing
        for module in MODULES
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, torch.nn.Module) and thing.__module__ == module.__name__
    }
    assert written - used == set()
    assert len(written) > 50


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_every_network_names_its_source_and_its_shapes(module):
    for name, thing in vars(module).items():
        if not inspect.isclass(thing) or getattr(thing, "__module__", "") != module.__name__:
            continue
        if issubclass(thing, torch.nn.Module):
            assert re.search(r"\b(19|20)\d\d\b", inspect.getdoc(thing)), f"{name} names no paper"
            assert "->" in inspect.getdoc(thing.forward), f"forward of {name} names no shapes"
