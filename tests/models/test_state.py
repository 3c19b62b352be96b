"""A sealed state is checked number by number: a hostile one is no model, and never more than that."""

import io
import random
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from oddflow.errors import ModelError, NotAModel
from oddflow.models.format import GRAPH, MANIFEST, STATE, pack, seal, unpack
from oddflow.models.kitnet import Autoencoder, KitNet
from oddflow.models.sealed import SealedModel, score_state
from oddflow.models.state import KITNET, open_state, state_part

from .make import graph, manifest

ROWS = np.random.default_rng(0).uniform(0, 1, (20, 3)).astype(np.float32)


def learnt(width, middle):
    chance = np.random.default_rng(width)
    low = chance.uniform(0, 0.2, width)
    return Autoencoder(
        low, low + 0.7, chance.normal(size=width), chance.normal(size=middle), chance.normal(size=(width, middle))
    )


STATE_OF_TWO = KitNet((np.array([2, 0]), np.array([1])), (learnt(2, 2), learnt(1, 1)), learnt(2, 2))
PART = state_part(STATE_OF_TWO)


def sealed(part=PART):
    return seal(manifest(detector="kitnet"), part, np.array([1.0, 2.0, 3.0]), part=STATE)


def changed(**arrays):
    known = STATE_OF_TWO.arrays() | arrays
    return save({f"{KITNET}.{name}": np.ascontiguousarray(array) for name, array in known.items() if array is not None})


def test_a_state_survives_being_sealed():
    again = KitNet.of(STATE_OF_TWO.arrays(), 3)
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array, STATE_OF_TWO.arrays()[name])
    model = SealedModel.from_bytes(pack(sealed()))
    scores, contributions = model.score(ROWS)
    expected = score_state(PART, ROWS)
    np.testing.assert_allclose(scores, expected[0], rtol=1e-4)
    np.testing.assert_array_equal(contributions, expected[1])
    np.testing.assert_array_equal(model.scores(ROWS), scores)


def test_contributions_are_squared_errors_by_column():
    scaled = (ROWS[:, 1] - STATE_OF_TWO.members[1].low[0]) / 0.7
    one = STATE_OF_TWO.members[1]
    code = 1 / (1 + np.exp(-(scaled * one.weights[0, 0] + one.hidden_bias[0])))
    drawn = 1 / (1 + np.exp(-(code * one.weights[0, 0] + one.visible_bias[0])))
    np.testing.assert_allclose(score_state(PART, ROWS)[1][:, 1], (scaled - drawn) ** 2, rtol=1e-5)


FLOATS = ("low", "high", "visible_bias", "hidden_bias", "weights")


@pytest.mark.parametrize("name", [*FLOATS, "columns", "widths", "middles"])
@pytest.mark.parametrize(
    "change",
    [
        lambda array: None,
        lambda array: array[:-1],
        lambda array: array[:0],
        lambda array: np.append(array, array[-1]),
        lambda array: array[None],
        lambda array: array.astype(np.float32),
        lambda array: array.astype(np.int8),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(name, change):
    with pytest.raises(NotAModel, match="state is no KitNET's"):
        open_state(changed(**{name: change(STATE_OF_TWO.arrays()[name])}), 3)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e301])
def test_numbers_that_are_none_are_refused(name, value):
    array = STATE_OF_TWO.arrays()[name].copy()
    array[-1] = value
    with pytest.raises(NotAModel, match=f"{name} must be finite"):
        open_state(changed(**{name: array}), 3)


@pytest.mark.parametrize(
    "arrays",
    [
        {"columns": np.array([2, 0, 0])},
        {"columns": np.array([2, 0, 3])},
        {"columns": np.array([2, 0, -1])},
        {"widths": np.array([2, 1, 3])},
        {"widths": np.array([3, 0, 2])},
        {"widths": np.array([1, 1, 2])},
        {"widths": np.array([2**40, 1, 2])},
        {"widths": np.array([-1, 4, 2])},
        {"middles": np.array([2**62, 2**62, 2])},
        {"middles": np.array([4_096, 4_096, 4_096])},
        {"middles": np.array([0, 1, 2])},
        {"widths": np.array([3]), "middles": np.array([3])},
        {"low": np.full(5, 9.0)},
        {"more": np.zeros(3)},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(arrays):
    with pytest.raises(NotAModel, match="state is no KitNET's"):
        open_state(changed(**arrays), 3)


def test_a_state_for_other_columns_is_refused():
    for width in (2, 4):
        with pytest.raises(NotAModel, match=f"{width} columns"):
            open_state(PART, width)


def test_a_kernel_that_is_not_known_is_named():
    with pytest.raises(NotAModel, match=r"'kitnet-9'.*runs kitnet-1"):
        open_state(PART.replace(b"kitnet-1.", b"kitnet-9."), 3)
    for other in (save({"a.b": np.zeros(1)}), save({}), changed() + b"x", b"", b"\xff" * 40):
        with pytest.raises(NotAModel):
            open_state(other, 3)


def test_no_flipped_bit_ends_in_another_error():
    draw = random.Random(1)
    for _ in range(500):
        part = bytearray(PART)
        part[draw.randrange(len(part))] ^= 1 << draw.randrange(8)
        try:
            scores, contributions = score_state(bytes(part), ROWS)
        except NotAModel:
            continue
        assert np.isfinite(scores).all()
        assert contributions.shape == ROWS.shape


def test_a_model_holds_a_graph_or_a_state_and_not_both():
    archive = sealed()
    both = unpack(pack(archive)).parts | {GRAPH: graph().SerializeToString()}
    for parts in (both, {name: part for name, part in archive.parts.items() if name != STATE}):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, part in {MANIFEST: archive.manifest.model_dump_json().encode(), **parts}.items():
                file.writestr(name, part)
        with pytest.raises(ModelError, match="a sealed model holds"):
            unpack(buffer.getvalue())
