"""Costs as a file."""

import json

import pytest

from oddflow.bench.simulation.costs import MEASURED, NAMES, Costs
from oddflow.errors import InputError


def test_what_ships_is_read_and_written_the_same(tmp_path):
    known = Costs.read()
    place = tmp_path / "costs.json"
    place.write_text(json.dumps(known.as_dict()))
    assert Costs.read(place) == known
    assert known.machine
    assert set(known.figures()) == set(NAMES)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("packet_s", "fast", "packet_s is 'fast'"),
        ("packet_s", -1, "not below 0"),
        ("flow_s", None, "flow_s is None"),
        ("flow_s", float("inf"), "flow_s is inf"),
        ("byte_s", True, "byte_s is True"),
        ("busy_speed", 2, "at most 1"),
    ],
)
def test_a_figure_that_is_none_is_named(tmp_path, name, value, said):
    told = json.loads(MEASURED.read_text())
    told["costs"][name] = value
    place = tmp_path / "costs.json"
    place.write_text(json.dumps(told))
    with pytest.raises(InputError, match=said):
        Costs.read(place)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"costs": 3}', "[" * 100_000, "\x00"])
def test_what_holds_no_costs_is_refused(tmp_path, text):
    place = tmp_path / "costs.json"
    place.write_text(text)
    with pytest.raises(InputError, match="holds no costs"):
        Costs.read(place)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Costs.read(tmp_path / "none.json")
