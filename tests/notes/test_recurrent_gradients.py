"""Why recurrent networks are hard to train, and what helps."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.language_model import tempered  # noqa: E402
from oddflow.networks.recurrent import Cell, Recurrent, RecurrentNetwork  # noqa: E402

CLIP_BY_NORM, CLIP_BY_VALUE = nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_


def matrix_of_radius(radius, width=6):
    """A symmetric matrix whose largest eigenvalue is `radius`."""
    values = torch.linspace(-radius, radius, width, dtype=torch.float64)
    basis = torch.linalg.qr(torch.randn(width, width, dtype=torch.float64))[0]
    return basis @ torch.diag(values) @ basis.t()


def test_a_state_depends_on_the_last_by_its_slopes_times_the_weights():
    """Notes 002, lines 1343 to 1347: ∂hₜ₊₁/∂hₜ.

    They write Wᵀ σ′(…), with k for t in it. The Jacobian is diag(σ′) W; its transpose, Wᵀ diag(σ′), carries gradients
    back.
    """
    torch.manual_seed(0)
    w, u, x, h = torch.randn(4, 4), torch.randn(4, 3), torch.randn(3), torch.randn(4)
    jacobian = torch.autograd.functional.jacobian(lambda state: (u @ x + w @ state).sigmoid(), h)
    a = (u @ x + w @ h).sigmoid()
    torch.testing.assert_close(jacobian, torch.diag(a * (1 - a)) @ w)
    assert not torch.allclose(jacobian, w.t() @ torch.diag(a * (1 - a)))


@pytest.mark.parametrize("radius", [0.5, 0.9, 1.1, 2.0])
def test_gradients_vanish_or_explode_by_the_largest_eigenvalue(radius):
    """Notes 002, line 1349: below 1 products of W go to 0, above 1 they grow exponentially (linear units)."""
    torch.manual_seed(0)
    w = matrix_of_radius(radius)
    h = start = torch.randn(6, dtype=torch.float64, requires_grad=True)
    norms = []
    for _ in range(60):
        h = w @ h
        norms.append(torch.autograd.grad(h.sum(), start, retain_graph=True)[0].norm().item())
    assert norms[-1] / norms[-3] == pytest.approx(radius**2, rel=1e-3)
    assert (norms[-1] < norms[0]) == (radius < 1)


def test_the_eigenvalue_decides_only_in_the_long_run():
    """Notes 002, line 1349, made exact: gradients can grow first, and bent units hold them back.

    With W = [[0.5, 9], [0, 0.5]] (largest eigenvalue 0.5) they grow before they vanish; with tanh and an eigenvalue of
    2 they vanish where units are at their ends (Pascanu et al. 2013, section 2.1: 1 is necessary, not sufficient).
    """
    w = torch.tensor([[0.5, 9.0], [0.0, 0.5]])
    grown = [torch.linalg.matrix_power(w, steps).norm().item() for steps in (1, 2, 40)]
    assert grown[0] > 9
    assert grown[1] > 9
    assert grown[2] < 1e-8
    h = start = torch.ones(1, requires_grad=True)
    for _ in range(30):
        h = (2 * h).tanh()
    assert torch.autograd.grad(h, start)[0] < 1e-10


def test_an_rnn_computes_what_the_notes_write():
    """Notes 002, line 1332: hₜ = σ(W x + U h + b), from h₀ = 0 (line 1330), with tanh (line 1326)."""
    torch.manual_seed(0)
    layer, x = Cell.SIMPLE.layer(3, 4), torch.randn(2, 5, 3)
    h = torch.zeros(2, 4)
    for step in range(5):
        h = torch.tanh(
            x[:, step] @ layer.weight_ih_l0.t() + h @ layer.weight_hh_l0.t() + layer.bias_ih_l0 + layer.bias_hh_l0
        )
    torch.testing.assert_close(layer(x)[0][:, -1], h)


def test_values_are_clipped_one_by_one():
    """Notes 002, line 1357: this may turn the gradient's direction."""
    weight = nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor([-5.0, 0.1, 3.0])
    CLIP_BY_VALUE([weight], 0.4)
    torch.testing.assert_close(weight.grad, torch.tensor([-0.4, 0.1, 0.4]))


@pytest.mark.parametrize(("length", "clipped"), [(5.0, 2.0), (1.5, 1.5)])
def test_a_norm_is_clipped_by_shortening(length, clipped):
    """Notes 002, line 1358: W′ = W / ‖W‖ · max, where it is longer than that."""
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = length * torch.tensor([0.6, -0.8])
    CLIP_BY_NORM([weight], 2.0)
    torch.testing.assert_close(weight.grad, clipped * torch.tensor([0.6, -0.8]), atol=1e-5, rtol=1e-5)


def test_the_global_norm_shortens_all_alike():
    """Notes 002, lines 1359 to 1372: all parameters together, by one factor; the norm before is given back."""
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.zeros(3, 3)) for _ in range(2)]
    before = []
    for parameter in parameters:
        parameter.grad = 3 * torch.randn(3, 3)
        before.append(parameter.grad.clone())
    total = torch.stack([slope.norm() for slope in before]).norm()
    assert CLIP_BY_NORM(parameters, 2.0).item() == pytest.approx(total.item())
    after = torch.stack([parameter.grad.norm() for parameter in parameters]).norm()
    assert after.item() == pytest.approx(2, rel=1e-4)
    for parameter, slope in zip(parameters, before, strict=True):
        torch.testing.assert_close(parameter.grad, slope * 2 / total, atol=1e-4, rtol=1e-4)


def gradient_at_the_first_step(cell, steps=60):
    torch.manual_seed(0)
    layer = cell.layer(3, 8)
    if cell is Cell.LSTM:
        with torch.no_grad():
            layer.bias_ih_l0[8:16] = 4.0  # the gate that forgets is open
    if cell is Cell.GRU:
        with torch.no_grad():
            layer.bias_ih_l0[8:16] = 4.0  # the gate that keeps
    x = torch.randn(4, steps, 3, requires_grad=True)
    return torch.autograd.grad(layer(x)[0][:, -1].sum(), x)[0][:, 0].norm().item()


def test_lstm_and_gru_remember_what_a_simple_rnn_forgets():
    """Notes 004, lines 178 to 182; 002, line 1349: after 60 steps."""
    simple = gradient_at_the_first_step(Cell.SIMPLE)
    assert simple < 1e-8
    assert gradient_at_the_first_step(Cell.LSTM) > 1e5 * simple
    assert gradient_at_the_first_step(Cell.GRU) > 1e5 * simple


def test_an_lstms_cell_passes_gradients_unchanged_where_it_forgets_nothing():
    """Notes 004, line 179: a self-connection of weight 1 and a linear unit, whose derivative is 1."""
    cell = nn.LSTMCell(2, 3)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih[3:6] = 100.0  # forget nothing
        cell.bias_ih[:3] = -100.0  # let nothing in
    start = state = torch.randn(1, 3, requires_grad=True)
    h = torch.zeros(1, 3)
    for _ in range(50):
        h, state = cell(torch.zeros(1, 2), (h, state))
    torch.testing.assert_close(torch.autograd.grad(state.sum(), start)[0], torch.ones(1, 3))


def test_a_grus_gate_mixes_the_old_state_and_the_new():
    """Notes 004, line 181: the update gate is the share of the old state."""
    torch.manual_seed(0)
    cell, x, h = nn.GRUCell(2, 3), torch.randn(1, 2), torch.randn(1, 3)
    kept = cell.bias_ih.data[3:6]
    kept.fill_(100.0)
    torch.testing.assert_close(cell(x, h), h)
    kept.fill_(-100.0)
    assert not torch.allclose(cell(x, h), h, atol=0.05)


def test_both_ways_is_one_reader_onward_and_one_backward():
    """Notes 003, line 315."""
    torch.manual_seed(0)
    layer = Recurrent(Cell.GRU, 2, 3, both_ways=True, recurrent_dropout=0.0)
    reference = nn.GRU(2, 3, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for own, suffix in ((layer.onward, "_l0"), (layer.backwards, "_l0_reverse")):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(reference, name + suffix).copy_(getattr(own, name + "_l0"))
    x = torch.randn(4, 5, 2)
    states, last = layer(x, torch.full((4,), 5))
    expected, ends = reference(x)
    torch.testing.assert_close(states, expected)
    torch.testing.assert_close(last, torch.cat([ends[0], ends[1]], dim=1))


def test_recurrent_dropout_drops_the_same_units_in_all_steps():
    """Notes 003, line 314, recurrent_dropout: a dropped unit's state reaches no later step."""
    torch.manual_seed(3)
    layer = Recurrent(Cell.SIMPLE, 1, 4, both_ways=False, recurrent_dropout=0.5).train()
    start = torch.zeros(1, 3, 1, requires_grad=True)
    states, _ = layer(start, torch.tensor([3]))
    states[:, -1].sum().backward()
    touched = layer.onward.weight_hh_l0.grad.abs().sum(dim=0) > 0
    assert 0 < int(touched.sum()) < 4
    layer.eval()
    torch.testing.assert_close(layer(start, torch.tensor([3]))[0], layer(start, torch.tensor([3]))[0])


def test_padding_is_not_read():
    """Notes 003, lines 176 and 307 (mask_zero, pad_sequences): as if the sequence were short."""
    torch.manual_seed(0)
    x = torch.randn(3, 4, 2)
    padded = torch.cat([x, torch.zeros(3, 5, 2)], dim=1)
    for cell in Cell:
        network = RecurrentNetwork(2, 3, 5, layers=2, cell=cell, both_ways=True)
        torch.testing.assert_close(network(padded), network(x))


def test_a_low_temperature_takes_the_likeliest_and_a_high_one_any():
    """Notes 003, line 318: temperature."""
    logits = torch.tensor([2.0, 1.0, 0.0])
    torch.testing.assert_close(tempered(logits, 1.0), logits.softmax(0))
    torch.testing.assert_close(tempered(logits, 0.01), torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(tempered(logits, 1e4), torch.full((3,), 1 / 3), atol=1e-4, rtol=0)
    sharpened = logits.softmax(0) ** (1 / 0.5)
    torch.testing.assert_close(tempered(logits, 0.5), sharpened / sharpened.sum())


def test_discounted_rewards_make_what_is_far_matter_less():
    """Notes 002, lines 1965 to 1971: Σ γᵗ⁻¹ rₜ; without an end it stays below r / (1 − γ).

    Oddflow learns no policies: this is all of the notes' last chapter that there is to check.
    """
    discount = 0.9 ** torch.arange(2000, dtype=torch.float64)
    assert discount.sum().item() == pytest.approx(1 / (1 - 0.9))
