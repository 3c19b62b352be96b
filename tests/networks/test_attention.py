import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.errors import UsageError  # noqa: E402
from oddflow.networks.attention import SelfAttention, TransformerEncoder, sinusoids  # noqa: E402


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    own, reference = SelfAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(own.asked.weight)
        reference.in_proj_bias.copy_(own.asked.bias)
        reference.out_proj.weight.copy_(own.mixed.weight)
        reference.out_proj.bias.copy_(own.mixed.bias)
    x, mask = torch.randn(3, 5, 8), torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
    expected, _ = reference(x, x, x, key_padding_mask=~mask)
    torch.testing.assert_close(own(x, mask), expected)


def test_padding_changes_nothing():
    torch.manual_seed(0)
    network = TransformerEncoder(2, 3, steps=6, width=8, heads=2).eval()
    x = torch.randn(4, 6, 2)
    x[:, 4:] = 0
    short = TransformerEncoder(2, 3, steps=4, width=8, heads=2).eval()
    short.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(x), short(x[:, :4]))


def test_a_flow_without_packets_still_gets_an_answer():
    assert torch.isfinite(TransformerEncoder(2, 3, steps=4)(torch.zeros(2, 4, 2))).all()


def test_order_matters():
    torch.manual_seed(0)
    network, x = TransformerEncoder(2, 3, steps=4).eval(), torch.randn(1, 4, 2)
    assert not torch.allclose(network(x), network(x.flip(1)), atol=1e-4)


def test_places_are_sines_and_cosines():
    table = sinusoids(6, 4)
    torch.testing.assert_close(table[:, 0], torch.arange(6.0).sin())
    torch.testing.assert_close(table[:, 3], (torch.arange(6.0) / 100).cos())


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="multiple of the heads; 10 and 4 given"):
        SelfAttention(10, 4)
    with pytest.raises(UsageError, match="must be even; 5 given"):
        sinusoids(3, 5)
