"""`oddflow bench plan` and its siblings on the command line."""

import json

import pytest

from oddflow.bench.simulation.costs import MEASURED
from tests.cli.call import call

QUICK = ("bench", "plan", "--seconds", "1", "--gbit-per-s", "2")


def test_a_plan_is_told_as_tables_and_as_json(tmp_path):
    page, out = tmp_path / "page.md", tmp_path / "plan.json"
    page.write_text("# Mine\n\n<!-- result needs -->\nold\n<!-- /result needs -->\n\nafter\n")
    told = call(*QUICK, "--gbit-per-s", "20", "--write", str(page), "-o", str(out), "--json")
    assert told.code == 0
    assert told.json == json.loads(out.read_text())
    small, large = told.json["needs"]
    assert small["cores"] < large["cores"]
    text = page.read_text()
    assert "old" not in text
    assert text.index("| packets a second | 303 k | 3.03 M |") < text.index("after")
    assert "| packets of a flow, both ways | 40 | --packets-per-flow |" in text


def test_shorter_flows_need_more_to_score():
    def system(packets_per_flow):
        words = ("bench", "plan", "--seconds", "1", "--gbit-per-s", "20", "--packets-per-flow", packets_per_flow)
        return call(*words, "--json").json["needs"][0]["system"]

    assert system("6")["replicas"] > 5 * system("60")["replicas"]


@pytest.mark.slow
def test_costs_of_another_machine_are_taken(tmp_path):
    costs = json.loads(MEASURED.read_text())
    costs["costs"]["score_flow_s"] *= 10
    place = tmp_path / "costs.json"
    place.write_text(json.dumps(costs))
    slow, usual = (call(*QUICK, "--json", *words).json["needs"][0]["system"] for words in (("--costs", str(place)), ()))
    assert slow["replicas"] > usual["replicas"]
    assert slow["sensors"] == usual["sensors"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--costs", "nowhere.json"), "nowhere.json cannot be read"),
        (("--packets-per-flow", "nan"), "packets"),
        (("--write", "/no/such/folder/page.md"), "cannot be written"),
        (("--gbit-per-s", "-1"), "gbit-per-s"),
        (("--gbit-per-s", "100000", "--packets-per-flow", "1"), "plan a part of it"),
    ],
)
def test_what_cannot_be_planned_is_said(words, said):
    told = call("bench", "plan", "--seconds", "1", *words)
    assert told.code == 2
    assert said in told.err
