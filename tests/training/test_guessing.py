"""Rows without labels: what is hidden, what is guessed, and that both help where labels are few."""

import math

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.detectors import registry  # noqa: E402
from oddflow.training.guessing import UNKNOWN, balanced, guessed_loss, hidden, joined, pretrained  # noqa: E402
from oddflow.training.loop import Schedule  # noqa: E402
from oddflow.training.run import Run, running  # noqa: E402
from oddflow.training.unlabelled import Unlabelled  # noqa: E402

COLUMNS = 24
FEATURES = tuple(Feature(f"balance_{i}", "", Scale.LINEAR, "balance {value}") for i in range(COLUMNS))
WIDE = {"epochs": 120, "patience": 120, "learning_rate": 5e-3, "scaling": "z-score"}


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def clusters(count, seed):
    """Two kinds of rows: each column follows what a row is but feebly, and all of them together surely; (n, 24)."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 2
    rows = 0.7 * (2 * kinds[:, None] - 1) * np.where(np.arange(COLUMNS) % 2, 1, -1) + rng.normal(0, 1, (count, COLUMNS))
    return rows.astype(np.float32), kinds


def taught(rows, kinds, *, unlabelled=None, **options):
    made = registry.create("feed-forward-network", FEATURES, hidden=(16,), **(WIDE | options))
    return made.fit(rows, kinds, unlabelled=unlabelled)


def right(made, seed=9):
    rows, kinds = clusters(1_000, seed)
    return float(((made.decision_function(rows) > math.log(2)) == kinds).mean())  # −log P(normal) of a half


def test_what_is_hidden_is_the_value_of_another_row():
    rows = torch.arange(2_000.0).reshape(500, 4)
    seen, mask = hidden(rows, 0.25, chance())
    assert mask.float().mean() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(seen[~mask], rows[~mask])
    assert (seen[mask] != rows[mask]).float().mean() > 0.9
    assert torch.equal(seen % 4, rows % 4)  # each column keeps to its own values


def test_pretraining_learns_to_fill_in():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hidden_size = torch.randn(400, 1)
        rows = hidden_size.expand(-1, 6) + 0.05 * torch.randn(400, 6)
        made = []

        def make(outputs):
            made.append(nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, outputs)))
            return made[-1]

        how = Unlabelled(hidden_share=0.3)
        weights = pretrained(make, rows, how, Schedule(epochs=60, batch_rows=32, learning_rate=0.01))
    seen, mask = hidden(rows, 0.3, chance(5))
    with torch.no_grad():
        filled = made[0](seen)
    assert set(weights) == set(made[0].state_dict())
    assert (filled - rows)[mask].abs().mean() < 0.5 * (seen - rows)[mask].abs().mean()


def test_rows_with_a_label_are_shown_again_where_they_are_few():
    labelled = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    table = joined(labelled, torch.zeros(40, 1))
    assert len(table) == 5 * 2 + 40
    assert table[:, -1].tolist() == [0.0, 1.0] * 5 + [UNKNOWN] * 40
    assert len(joined(labelled, torch.zeros(1, 1))) == 3


def test_rows_without_a_label_weigh_as_much_as_those_with():
    labelled, others = torch.tensor([[1.0, 0.0], [2.0, 1.0]]), torch.zeros(40, 1)
    how = balanced(Unlabelled(unlabelled_weight=0.5), joined(labelled, others))
    assert how.unlabelled_weight * 40 == 0.5 * 10


@pytest.mark.parametrize("use", ["pseudo-labels", "consistency"])
def test_a_guess_costs_cross_entropy_to_it_where_it_is_sure_and_nothing_else(use):
    network = nn.Linear(2, 2)
    network.weight.data, network.bias.data = torch.eye(2), torch.zeros(2)
    rows = torch.tensor([[0.0, math.log(9.0)], [0.0, math.log(3.0)]])  # 90 % and 75 % sure
    how = Unlabelled(use=use, confidence=0.8, unlabelled_weight=2.0, hidden_share=0.01)
    lost = guessed_loss(network, rows, network(rows), how, chance())
    assert lost.tolist() == pytest.approx([-2 * math.log(0.9), 0.0])
    lost.sum().backward()
    # the guess stands: d / d logits = 2 (p − y)
    assert network.bias.grad.tolist() == pytest.approx([2 * 0.1, -2 * 0.1])


@pytest.mark.parametrize("use", ["masked", "pseudo-labels", "consistency"])
def test_rows_without_labels_help_where_labels_are_few(use):
    few, kinds = clusters(8, 1)
    many, _ = clusters(600, 2)
    alone = right(taught(few, kinds))
    options = {"epochs": 40} if use != "masked" else {"pretraining": 30}
    helped = taught(few, kinds, unlabelled=many, use=use, **options)
    assert right(helped) > alone + 0.02
    again = taught(few, kinds, unlabelled=many, use=use, **options)
    assert all(np.array_equal(again.weights()[name], value) for name, value in helped.weights().items())


def test_without_such_rows_their_options_change_nothing():
    rows, kinds = clusters(40, 3)
    plain = taught(rows, kinds, epochs=3).weights()
    told = taught(rows, kinds, epochs=3, use="masked", confidence=0.5).weights()
    assert all(np.array_equal(told[name], value) for name, value in plain.items())


@pytest.mark.parametrize("use", ["pseudo-labels", "consistency"])
def test_a_batch_of_one_row_with_a_label_does_not_break_batch_normalisation(use):
    rows, kinds = clusters(4, 3)
    many, _ = clusters(81, 4)
    made = taught(rows, kinds, unlabelled=many, use=use, epochs=3, batch_rows=5, normalisation="batch")
    assert np.isfinite(made.decision_function(rows)).all()


class Broken(Exception):
    """Whatever ends a fit."""


def test_a_fit_that_was_broken_off_after_its_pretraining_goes_on_to_the_same_weights(tmp_path):
    rows, kinds = clusters(40, 3)
    many, _ = clusters(100, 4)
    options = {"use": "masked", "epochs": 4, "pretraining": 3, "dropout": 0.2, "unlabelled": many}
    whole = taught(rows, kinds, **options).weights()

    def broken(epoch):
        if epoch.number == 2 and epoch.network is not None:
            raise Broken

    with running(Run(checkpoints=tmp_path)), pytest.raises(Broken):
        taught(rows, kinds, told=broken, **options)
    with running(Run(checkpoints=tmp_path)):
        resumed = taught(rows, kinds, **options).weights()
    assert all(np.array_equal(resumed[name], value) for name, value in whole.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use": "magic"}, "use of feed-forward-network must be one of masked, pseudo-labels, consistency"),
        ({"hidden_share": 1.0}, "hidden_share of feed-forward-network must be from 0.01 to 0.99; 1.0 given"),
        ({"confidence": 2}, "confidence of feed-forward-network must be from 0 to 1; 2 given"),
    ],
)
def test_options_out_of_their_bounds_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        taught(*clusters(40, 0), **options)


def test_too_few_rows_to_fill_in_are_refused():
    with pytest.raises(UsageError, match="19 rows without labels are too few"):
        taught(*clusters(40, 0), unlabelled=clusters(19, 1)[0], use="masked")
