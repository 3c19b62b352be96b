"""What the notes say of tensors: shapes, indices, how they are put together and taken apart."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn


def test_a_view_keeps_the_order_in_memory_and_a_transposition_does_not():
    """Notes 002, lines 159 to 172 and 205 to 217."""
    x = torch.arange(6)
    assert x.reshape(2, -1).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.reshape(2, 3).is_contiguous()
    assert not x.reshape(2, 3).t().is_contiguous()
    images = torch.zeros(4, 32, 32, 3)
    assert images.permute(0, 3, 1, 2).shape == (4, 3, 32, 32)


def test_dimensions_of_one_come_and_go():
    """Notes 002, lines 174 to 203."""
    x = torch.zeros(28, 28)
    assert x.unsqueeze(2).shape == (28, 28, 1)
    assert x.unsqueeze(0).shape == (1, 28, 28)
    assert x[None, :, :, None].squeeze().shape == (28, 28)


def test_broadcasting_is_repeating_without_a_copy():
    """Notes 002, lines 219 to 237; 003, line 127."""
    b = torch.tensor([1.0, 2.0])
    assert torch.equal(b.expand(3, 2), b.repeat(3, 1))
    assert b.expand(3, 2).data_ptr() == b.data_ptr()
    assert (torch.zeros(4, 3, 2) + b).shape == (4, 3, 2)


def test_matrices_of_more_dimensions_multiply_in_their_last_two():
    """Notes 002, line 258. Whole division is //, not \\\\ as on line 243."""
    a, b = torch.randn(5, 2, 3), torch.randn(5, 3, 4)
    torch.testing.assert_close((a @ b)[2], a[2] @ b[2])
    assert 7 // 2 == 3
    assert 7 % 2 == 1


def test_rows_are_gathered_by_number_by_places_and_by_mask():
    """Notes 002, lines 359 to 387: pupils 1, 4, 9 of each class; three of the classes' pupils; classes 1 and 4."""
    marks = torch.arange(4 * 35 * 8).reshape(4, 35, 8)
    assert torch.equal(marks.index_select(1, torch.tensor([0, 3, 8]))[2, 1], marks[2, 3])
    assert marks.index_select(0, torch.tensor([3, 1, 0]))[0].equal(marks[3])
    places = torch.tensor([[1, 1], [2, 2], [3, 3]])
    assert marks[places[:, 0], places[:, 1]].shape == (3, 8)
    assert torch.equal(marks[torch.tensor([True, False, False, True])], marks[[0, 3]])


def test_a_condition_chooses_or_tells_where_it_holds():
    """Notes 002, lines 389 to 405."""
    x = torch.tensor([[1.0, -2], [-3, 4]])
    assert torch.where(x > 0, x, 0.0).tolist() == [[1, 0], [0, 4]]
    assert torch.nonzero(x > 0).tolist() == [[0, 0], [1, 1]]
    assert x[x > 0].tolist() == [1, 4]


def test_values_are_scattered_over_zeros():
    """Notes 002, lines 407 to 418. The places there must be [[4], [3], [1], [7]], a list for each value."""
    out = torch.zeros(8).scatter(0, torch.tensor([4, 3, 1, 7]), torch.tensor([4.4, 3.3, 1.1, 7.7]))
    torch.testing.assert_close(out, torch.tensor([0, 1.1, 0, 3.3, 4.4, 0, 0, 7.7]))


def test_values_are_bounded_from_below_and_above():
    """Notes 002, lines 354 to 357."""
    x = torch.tensor([-2.0, 0.5, 3.0])
    assert x.clamp(min=0).tolist() == [0, 0.5, 3]
    assert x.clamp(max=1).tolist() == [-2, 0.5, 1]


def test_concatenating_keeps_dimensions_and_stacking_adds_one():
    """Notes 002, lines 264 to 283: [2, 35, 8] where line 280 stacks two classes."""
    a, b = torch.zeros(35, 8), torch.zeros(35, 8)
    assert torch.cat([a, b]).shape == (70, 8)
    assert torch.stack([a, b]).shape == (2, 35, 8)
    assert torch.stack([a, b], dim=-1).shape == (35, 8, 2)


def test_labels_are_prepared_from_labels():
    """Notes 002, lines 465 to 471: line 468 makes y of x (tf.cast(x, …)); made of y, it is one-hot."""
    images, labels = torch.randint(0, 256, (5, 28, 28)), torch.tensor([3, 0, 9, 3, 1])
    scaled = (images / 255).reshape(-1, 28 * 28)
    assert scaled.shape == (5, 784)
    assert 0 <= scaled.min() <= scaled.max() <= 1
    assert nn.functional.one_hot(labels, 10).shape == (5, 10)


def test_images_turned_and_flipped_hold_the_same_pixels():
    """Notes 002, lines 1023 to 1043: two quarter turns are both flips; a crop is smaller."""
    x = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(torch.rot90(x, 2), x.flip(0).flip(1))
    assert torch.equal(torch.rot90(x, 4), x)
    assert x[1:, 1:].shape == (2, 3)


def test_assigning_in_place_needs_no_new_memory():
    """Notes 001, lines 24 to 25. x += y is x.assign_add(y) in torch too; x = x + y is a new tensor."""
    x, y = torch.ones(3), torch.ones(3)
    place = x.data_ptr()
    x += y
    assert x.data_ptr() == place
    x = x + y
    assert x.data_ptr() != place


def test_weights_are_saved_and_come_back(tmp_path):
    """Notes 001, lines 376 to 377; 002, lines 694 to 717: weights alone need the network's code."""
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    second.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    x = torch.randn(4, 3)
    assert torch.equal(first(x), second(x))


def test_a_metre_is_updated_read_and_reset():
    """Notes 002, lines 829 to 884: the mean of what it was told, accuracy of what was guessed."""
    losses = [0.5, 0.25, 0.75]
    assert sum(losses) / len(losses) == 0.5
    guessed = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]).argmax(dim=1)
    assert (guessed == torch.tensor([1, 0, 0])).float().mean().item() == pytest.approx(2 / 3)
