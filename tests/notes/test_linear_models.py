"""Regression, classes and what a single layer cannot do."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.initialisation import Initialiser, initialise  # noqa: E402
from oddflow.networks.linear import LogisticRegression, Perceptron, perceptron_loss  # noqa: E402

XOR = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
DIFFERENT = torch.tensor([0.0, 1, 1, 0])


def test_descent_recovers_2_minus_3_and_4_2():
    """Notes 001, lines 143 to 224: 1,000 rows, batches of 10, 3 epochs, a rate of 0.03.

    The weights there are [2, −3, 4]; only two are used, as rows have two columns. It is descent by small batches, not
    by all rows, as line 211 calls it.
    """
    torch.manual_seed(0)
    x = torch.randn(1000, 2)
    y = 2 * x[:, 0] - 3 * x[:, 1] + 4.2 + 0.01 * torch.randn(1000)
    w = (0.01 * torch.randn(2, 1)).requires_grad_()
    b = torch.zeros(1, requires_grad=True)
    losses = []
    for _ in range(3):
        for batch in torch.randperm(1000).split(10):
            loss = ((x[batch] @ w + b - y[batch, None]) ** 2 / 2).sum()
            with torch.no_grad():
                for parameter, slope in zip((w, b), torch.autograd.grad(loss, [w, b]), strict=True):
                    parameter.sub_(0.03 * slope / 10)
        losses.append(((x @ w + b - y[:, None]) ** 2 / 2).mean().item())
    torch.testing.assert_close(w.detach().flatten(), torch.tensor([2.0, -3.0]), atol=2e-3, rtol=0)
    assert b.item() == pytest.approx(4.2, abs=2e-3)
    assert losses[0] < 0.1
    assert losses[-1] < 1e-4  # the noise alone costs 0.00005, as the notes' third epoch does


def test_the_closed_form_says_the_same():
    """Notes 001, section 1: least squares of the same rows."""
    torch.manual_seed(0)
    x = torch.randn(1000, 2)
    y = 2 * x[:, 0] - 3 * x[:, 1] + 4.2 + 0.01 * torch.randn(1000)
    found = torch.linalg.lstsq(torch.cat([x, torch.ones(1000, 1)], dim=1), y[:, None]).solution.flatten()
    torch.testing.assert_close(found, torch.tensor([2.0, -3.0, 4.2]), atol=2e-3, rtol=0)


def test_a_perceptron_learns_and_but_not_xor():
    """Notes 002, line 479: linear models cannot solve XOR; AND they can."""

    def learnt(wanted):
        torch.manual_seed(0)
        unit = Perceptron(2)
        optimiser = torch.optim.SGD(unit.parameters(), lr=0.1)
        for _ in range(300):
            optimiser.zero_grad()
            perceptron_loss(unit(XOR), 2 * wanted - 1).sum().backward()
            optimiser.step()
        return int(((unit(XOR) > 0) == (wanted > 0.5)).sum())

    assert learnt(torch.tensor([0.0, 0, 0, 1])) == 4
    assert learnt(DIFFERENT) < 4


def test_a_hidden_layer_solves_xor():
    """Notes 002, line 479, and 000, line 284: layers on each other can."""
    torch.manual_seed(1)
    network = MultilayerPerceptron(2, 1, (8,))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(XOR)[:, 0], DIFFERENT).backward()
        optimiser.step()
    assert torch.equal((network(XOR)[:, 0] > 0).float(), DIFFERENT)


def test_layers_without_a_bend_are_one_layer():
    """Notes 002, line 1410 (PCA is linear); why activations stand between layers."""
    torch.manual_seed(0)
    first, second, x = nn.Linear(4, 3), nn.Linear(3, 2), torch.randn(5, 4)
    weight = second.weight @ first.weight
    bias = second.weight @ first.bias + second.bias
    torch.testing.assert_close(second(first(x)), x @ weight.t() + bias)


def test_logistic_loss_is_convex_where_squared_error_is_not():
    """Notes 000, lines 208 to 214: cross-entropy of a sigmoid has one minimum."""
    z = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)

    def curvature(loss):
        (slope,) = torch.autograd.grad(loss.sum(), z, create_graph=True)
        return torch.autograd.grad(slope.sum(), z)[0]

    assert curvature(nn.functional.softplus(-z)).min() >= 0
    assert curvature((1 - z.sigmoid()) ** 2).min() < 0


def test_logistic_regression_of_two_outputs_is_that_of_one():
    """Notes 004, lines 13 to 18: a sigmoid for two classes, softmax for several; the two agree."""
    torch.manual_seed(0)
    x, network = torch.randn(6, 3), LogisticRegression(3, 2)
    logits = network(x)
    torch.testing.assert_close(logits.softmax(1)[:, 1], (logits[:, 1] - logits[:, 0]).sigmoid())


def test_labels_in_order_or_one_hot_cost_the_same():
    """Notes 004, lines 16 to 20; 003, lines 218 to 220."""
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 1, 0])
    one_hot = nn.functional.one_hot(labels, 4).float()
    assert one_hot[0].tolist() == [1, 0, 0, 0]
    cross_entropy = nn.functional.cross_entropy
    torch.testing.assert_close(cross_entropy(logits, labels), cross_entropy(logits, one_hot))


def test_weights_begin_as_the_notes_say():
    """Notes 001, lines 342 to 354: normal of 0.01, ones.

    The default is not uniform within ±0.07: Keras' is Glorot's, ±√(6 / (inputs + outputs)), which is 0.076 for the
    784 to 256 of those notes, and 0.71 for 8 to 4.
    """
    layer = nn.Linear(784, 256)
    initialise(layer, Initialiser.NORMAL, torch.Generator().manual_seed(0))
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert torch.equal(layer.bias, torch.zeros(256))
    initialise(layer, Initialiser.ONES)
    assert torch.equal(layer.weight, torch.ones(256, 784))
    for inputs, outputs, bound in ((784, 256, 0.076), (8, 4, 0.707)):
        layer = nn.Linear(inputs, outputs)
        initialise(layer, Initialiser.XAVIER_UNIFORM, torch.Generator().manual_seed(0))
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.05)


def test_norms():
    """Notes 002, lines 312 to 322."""
    x = torch.tensor([3.0, -4.0, 0.0])
    norm = torch.linalg.vector_norm
    assert (norm(x, 1), norm(x, 2), norm(x, torch.inf), norm(x, 0)) == (7, 5, 4, 2)
