from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists

torch = pytest.importorskip("torch")

from oddflow.networks.recursive import RecursiveAutoencoder, bursts_of, place_in  # noqa: E402

directions = lists(lists(integers(-3, 3).filter(bool), max_size=9), min_size=1, max_size=4)


def flows(many):
    """Signed lengths and gaps, padded to nine packets."""
    x = torch.zeros(len(many), 9, 2)
    for row, packets in enumerate(many):
        for step, length in enumerate(packets):
            x[row, step] = torch.tensor([float(length), 0.1 * step])
    return x


def folded(fold, nodes):
    """One group of nodes, pairs by pairs, as a person would: (root, errors)."""
    errors = []
    while len(nodes) > 1:
        joined = []
        for left, right in zip(nodes[::2], nodes[1::2], strict=False):
            children = torch.cat([left, right])
            parent = torch.tanh(fold.join(children))
            errors.append((torch.tanh(fold.apart(parent)) - children).square().mean())
            joined.append(parent)
        nodes = joined + nodes[2 * len(joined) :]
    return nodes[0], errors


@settings(max_examples=40)
@given(directions)
def test_the_whole_batch_is_folded_as_each_flow_by_itself(many):
    torch.manual_seed(0)
    network = RecursiveAutoencoder(2, 5)
    x = flows(many)
    roots, errors = network(x)
    for row, packets in enumerate(many):
        leaves = iter(torch.tanh(network.leaf(x[row])))
        bursts, lost = [], []
        for _, burst in groupby(packets, lambda length: length > 0):
            root, more = folded(network.burst, [next(leaves) for _ in burst])
            bursts.append(root)
            lost += more
        if not bursts:
            assert not errors[row]
            continue
        root, more = folded(network.flow, bursts)
        lost += more
        torch.testing.assert_close(roots[row], root)
        expected = torch.stack(lost).mean() if lost else torch.zeros(())
        torch.testing.assert_close(errors[row], expected)


def test_bursts_are_runs_in_one_direction():
    x = flows([[5, 5, -1, -1, -1, 5], [-2], []])
    bursts = bursts_of(x)
    assert bursts.tolist() == [[0, 0, 1, 1, 1, 2, -1, -1, -1], [0, *[-1] * 8], [-1] * 9]
    assert place_in(bursts)[0].tolist() == [0, 1, 0, 1, 2, 0, -1, -1, -1]


def test_it_learns_to_take_its_flows_apart():
    torch.manual_seed(0)
    network, x = RecursiveAutoencoder(2, 6), flows([[1, -1, -1, 1], [1, 1, -1], [1, -1, 1, -1, 1]])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    before = network(x)[1].mean().item()
    for _ in range(60):
        optimiser.zero_grad()
        network(x)[1].mean().backward()
        optimiser.step()
    assert network(x)[1].mean().item() < before / 4
