"""oddflow search: flows that a service stored, at the terminal."""

import pytest

from tests.cli.call import call, left, refused
from tests.server.flowstore.conftest import filled, flows, some  # noqa: F401


@pytest.fixture(scope="module")
def state(filled):  # noqa: F811
    return filled.parent


def test_it_shows_what_was_found_and_how_much_was_looked_at(state):
    outcome = call("search", "src_ip = 10.20.0.104 and dst_port = 80 limit 3", "--state", state)
    assert outcome.code == 0
    assert outcome.out.count("10.20.0.104:") == 3
    assert "3 flows found among" in outcome.message
    assert "among 600 in" in outcome.message


def test_json_has_the_rows(state):
    found = call("search", "alert order by score", "--flows", state / "flows", "--json", "--limit", "5").json
    assert [row["is_alert"] for row in found["flows"]] == [True] * 5
    assert found["truncated"] is True
    assert found["looked"] == 600


@pytest.mark.parametrize(("name", "rows"), [("odd.csv", 601), ("odd.parquet", None)])
def test_it_writes_all_to_a_file(state, tmp_path, name, rows):
    assert call("search", "", "--state", state, "-o", tmp_path / name).code == 0
    assert left(tmp_path) == [name]
    if rows:
        assert len((tmp_path / name).read_text().splitlines()) == rows
    else:
        assert call("flows", tmp_path / name, "--json").json["flows"] == 600


def test_settings_say_where_the_flows_are(state, tmp_path):
    (tmp_path / "office.toml").write_text(f'[service]\nstate = "{state}"\n')
    assert call("search", "", tmp_path / "office.toml", "--json", "--limit", "1").json["looked"] > 0


def test_a_wrong_question_is_shown_with_the_place(state):
    outcome = call("search", "src_ip = 10.0.0.5 and scoore > 3", "--state", state)
    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        "oddflow: the question cannot be read, column 23: no field is called scoore; did you mean score?",
        "src_ip = 10.0.0.5 and scoore > 3",
        "                      ^ no field is called scoore; did you mean score?",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("",), "say where the flows are"),
        (("", "--state", "a", "--flows", "b"), "one of the three"),
        (("", "--state", "/nowhere"), "no flows were stored there"),
    ],
)
def test_what_is_missing_is_told(words, said):
    refused(call("search", *words), said)


def test_other_files_are_refused(state):
    refused(call("search", "", "--state", state, "-o", "x.txt"), "expected .csv or .parquet")


def test_fields_are_listed():
    assert {"ip", "score", "forward_syn"} <= {field["name"] for field in call("search", "--fields", "--json").json}
    assert "address of either end" in call("search", "--fields").out
