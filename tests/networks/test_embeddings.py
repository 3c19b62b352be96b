import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.embeddings import CategoryEmbeddings, SkipGram, negative_sampling_loss  # noqa: E402


def test_codes_become_vectors_and_numbers_stay():
    layer = CategoryEmbeddings((4, 3), (2, 1))
    x = torch.tensor([[1.0, 2, 0.5], [3, 1, -7]])
    expected = torch.cat(
        [layer.tables[0](torch.tensor([1, 3])), layer.tables[1](torch.tensor([2, 1])), x[:, 2:]], dim=1
    )
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("code", [-1.0, 4.0, 1e6])
def test_a_code_that_was_never_seen_is_code_0(code):
    layer = CategoryEmbeddings((4,), (2,))
    torch.testing.assert_close(layer(torch.tensor([[code]])), layer(torch.tensor([[0.0]])))


def test_sizes_and_widths_go_together():
    with pytest.raises(ValueError, match="shorter"):
        CategoryEmbeddings((4, 3), (2,))


def test_a_guess_costs_log_2_for_each_pair():
    loss = negative_sampling_loss(torch.zeros(2, 1), torch.zeros(2, 5))
    torch.testing.assert_close(loss, torch.full((2,), 6 * torch.tensor(2.0).log()))


def test_ports_that_are_used_alike_come_to_lie_together():
    """Web ports 0 and 1 stand beside 4, mail ports 2 and 3 beside 5."""
    torch.manual_seed(0)
    network = SkipGram(6, 4)
    centre, beside = torch.tensor([0, 1, 2, 3]), torch.tensor([[4], [4], [5], [5]])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        drawn = 9 - beside  # the other of 4 and 5
        negative_sampling_loss(network(centre, beside), network(centre, drawn)).mean().backward()
        optimiser.step()
    likeness = torch.nn.functional.cosine_similarity(
        network.inner.weight[:4, None].detach(), network.inner.weight[None, :4].detach(), dim=2
    )
    assert likeness[0, 1] > likeness[0, 2]
    assert likeness[2, 3] > likeness[1, 3]


def test_before_it_learns_all_pairs_are_as_likely_as_not():
    assert not SkipGram(6, 4)(torch.tensor([1]), torch.tensor([[2, 3]])).any()
