"""Weights to begin from: what stands still, what moves less, and what is refused."""

import pytest

from oddflow.errors import UsageError
from oddflow.training.run import Run, running
from tests.training.test_checkpoint import NAMES, fit

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.detectors import registry  # noqa: E402
from oddflow.training.beginning import ALL, Beginning  # noqa: E402
from oddflow.training.game import adam, play  # noqa: E402
from oddflow.training.loop import Player, Schedule, fit_network  # noqa: E402
from oddflow.training.pace import Pace  # noqa: E402

ROWS = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
SCHEDULE = Schedule(epochs=3, batch_rows=16, patience=3, learning_rate=0.05, decay=0.01)


def deep(seed, outputs=2):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first = (nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
        return nn.Sequential(*first, nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, outputs))


def loss(network, rows):
    return (network(rows) - rows[:, :1].square()).square().mean(dim=1)


def known(seed=1, outputs=2, scale=1.0):
    """Another network's weights, with means that were seen elsewhere."""
    state = deep(seed, outputs).state_dict()
    state["1.running_mean"] += 0.3
    return {name: scale * value for name, value in state.items() if value.is_floating_point()}


def fitted(beginning, outputs=2, **changes):
    network = deep(0, outputs)
    schedule = Schedule(**{name: getattr(SCHEDULE, name) for name in SCHEDULE.__slots__} | changes)
    fit_network(network, loss, ROWS[:80], ROWS[80:], schedule, beginning=beginning)
    return network


def moved(network, begun):
    state = network.state_dict()
    return {name for name, value in begun.items() if not torch.equal(state[name], value)}


def test_a_fit_begins_from_the_weights_that_it_is_given():
    begun = known()
    assert moved(fitted(Beginning(begun), learning_rate=0.0), begun) <= {"1.running_mean", "1.running_var"}
    assert "0.weight" in moved(fitted(None, learning_rate=0.0), begun)


@pytest.mark.parametrize(("frozen", "still"), [(1, ["0", "1"]), (2, ["0", "1", "3"]), (ALL, ["0", "1", "3"])])
def test_layers_that_are_frozen_stay_bit_equal_and_their_means_too(frozen, still):
    begun = known()
    network = fitted(Beginning(begun, frozen))
    assert moved(network, begun) == {name for name in begun if name.partition(".")[0] not in still}
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("course", [{}, {"pace": Pace(schedule="cosine", clip=1.0)}])
def test_a_lower_rate_moves_what_was_taken_over_less_and_the_rest_as_much(course):
    begun = known(outputs=3)  # so that the last layer is not taken over

    def far(rate):
        beginning = Beginning(begun, rate=rate)
        state = fitted(beginning, **course, epochs=1).state_dict()
        assert beginning.left == {"5"}
        return {layer: float((state[f"{layer}.weight"] - begun[f"{layer}.weight"]).norm()) for layer in "03"}

    whole, tenth = far(1.0), far(0.1)
    for layer, way in whole.items():
        assert 0 < tenth[layer] < 0.2 * way


def test_a_layer_is_taken_over_whole_or_not_at_all():
    begun = known()
    begun["0.weight"] = torch.zeros(6, 9)
    beginning = Beginning(begun, source="office")
    network = fitted(beginning, learning_rate=0.0)
    assert not torch.equal(network.get_parameter("0.bias"), begun["0.bias"])
    assert torch.equal(network.get_parameter("3.weight"), begun["3.weight"])
    assert beginning.left == {"0"}
    assert beginning.told().endswith("begun by chance: 0")
    with pytest.raises(UsageError, match="0 cannot stand still: of another shape in office"):
        fitted(Beginning(begun, 1, source="office"))


def test_networks_of_other_names_are_left_alone():
    begun = known() | {"7.weight": torch.zeros(2, 2)}
    beginning = Beginning(begun, ALL, source="office")
    assert moved(fitted(beginning), fitted(None).state_dict()) == set()
    with pytest.raises(UsageError, match="nothing of office fits the network"):
        beginning.told()


def test_nothing_left_to_learn_is_refused():
    with pytest.raises(UsageError, match="all 3 layers would stand still"):
        fitted(Beginning(known(), 3))
    network = deep(0)
    players = [
        Player(list(part.parameters()), lambda rows: loss(network, rows), adam(0.01))
        for part in (network[:2], network[2:])
    ]
    with running(Run(), beginning=Beginning(known(), 1)), pytest.raises(UsageError, match="learns against others"):
        play(network, players, ROWS, SCHEDULE)


def test_a_checkpoint_goes_on_only_where_as_much_stands_still(tmp_path):
    def fit_so(frozen, rate=0.5):
        with running(Run(checkpoints=tmp_path), beginning=Beginning(known(), frozen, rate)):
            network = deep(0)
            told = []
            fit_network(network, loss, ROWS[:80], ROWS[80:], SCHEDULE, told.append)
        return network.state_dict(), told

    whole, _ = fit_so(1)
    resumed, told = fit_so(1)
    assert told[-1].network is None  # it was passed before
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    for other in ((0, 0.5), (1, 0.1)):
        with pytest.raises(UsageError, match="of another network"):
            fit_so(*other)


@pytest.mark.parametrize("name", [name for name in NAMES if registry.find(name).begins_from])
def test_every_detector_takes_over_all_of_a_model_of_its_own(name):
    weights = {key: torch.from_numpy(value.copy()) for key, value in fit(name).items()}
    beginning = Beginning(weights)
    with running(Run(), beginning=beginning):
        again = fit(name)
    assert beginning.taken == set(weights)
    assert beginning.left == set()
    assert any(not torch.equal(torch.from_numpy(again[key]), value) for key, value in weights.items())
