import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.inputs import (  # noqa: E402
    RowsAsImage,
    RowsAsPieces,
    RowsAsSequence,
    StatisticsAsImage,
    lengths,
    present,
    reversed_steps,
    step_at,
)

X = torch.tensor([[[1.0, 0], [0, 2], [3, 3]], [[4, 0], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]])


def test_columns_become_lines_of_pixels():
    image = RowsAsImage(2, 3)(torch.arange(24.0).reshape(2, 12))
    assert image.shape == (2, 3, 2, 2)
    assert image[0, 1].tolist() == [[4, 5], [6, 7]]


@pytest.mark.parametrize(("columns", "side"), [(1, 4), (16, 4), (17, 8), (64, 8), (65, 12)])
def test_statistics_fill_the_least_square_and_come_back(columns, side):
    rows = torch.arange(1.0, 2 * columns + 1).reshape(2, columns)
    layer = StatisticsAsImage(columns)
    images = layer(rows)
    assert images.shape == (2, 1, side, side)
    assert images.flatten(1)[:, :columns].tolist() == rows.tolist()
    assert not images.flatten(1)[:, columns:].any()
    assert layer.back(images).tolist() == rows.tolist()


def test_lengths_and_then_gaps_become_packets():
    sequence = RowsAsSequence(3, 2)(torch.tensor([[60.0, -1500, 52, 0, 7, 9]]))
    assert sequence.tolist() == [[[60, 0], [-1500, 7], [52, 9]]]


def test_bytes_become_pieces():
    assert RowsAsPieces(2, 3)(torch.arange(6.0)[None]).tolist() == [[[0, 1, 2], [3, 4, 5]]]


@pytest.mark.parametrize("layer", [RowsAsImage(2), RowsAsSequence(2, 2), RowsAsPieces(2, 2)])
def test_rows_of_another_width_are_not_mixed(layer):
    assert layer(torch.zeros(0, 4)).shape[0] == 0
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        layer(torch.zeros(2, 8))


def test_a_step_of_zeros_is_padding():
    assert present(X).tolist() == [[True, True, True], [True, False, False], [False, False, False]]
    assert lengths(X).tolist() == [3, 1, 0]


def test_one_step_of_each_row():
    assert step_at(X, lengths(X) - 1).tolist() == [[3, 3], [4, 0], [0, 0]]


def test_backwards_up_to_the_length():
    assert reversed_steps(X, torch.tensor([3, 1, 0])).tolist() == [X[0].flip(0).tolist(), X[1].tolist(), X[2].tolist()]
    assert reversed_steps(X, torch.tensor([2, 0, 0]))[0].tolist() == [[0, 2], [1, 0], [3, 3]]
