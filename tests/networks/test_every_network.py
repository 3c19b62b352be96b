"""What holds for every network: its shapes, its rows, its gradients, its source. Its graph: test_every_graph.py."""

import importlib
import inspect
import pkgutil
import re

import pytest

torch = pytest.importorskip("torch")

import oddflow.networks  # noqa: E402
from tests.networks.zoo import CASES, made, outputs  # noqa: E402

MODULES = [
    importlib.import_module(f"oddflow.networks.{found.name}")
    for found in pkgutil.iter_modules(oddflow.networks.__path__)
]


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
