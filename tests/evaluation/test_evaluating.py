"""A protocol, run on small rows: figures, what is kept, what is refused."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.evaluation import evaluating
from oddflow.evaluation.card import markdown, render
from oddflow.evaluation.checking import expected, left
from oddflow.evaluation.evaluating import Given, evaluate
from oddflow.evaluation.kept import Shelf
from oddflow.evaluation.result import Results
from oddflow.evaluation.tables import page, replaced

from .given import loaded, protocol

pytest.importorskip("sklearn")


@pytest.fixture(scope="module", autouse=True)
def small():
    """Reads rows of ours, and draws few rounds."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(evaluating, "load", lambda data, classes, reads, folder: loaded(data, classes))
    monkeypatch.setattr("oddflow.evaluation.figures.RANKINGS", 30)
    monkeypatch.setattr("oddflow.evaluation.figures.ROUNDS", 100)
    evaluating._loaded.cache_clear()
    yield
    monkeypatch.undo()
    evaluating._loaded.cache_clear()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def found(shelf, small):
    return evaluate(Given(protocol()), shelf=shelf)


def test_entries_stand_beside_trivial_baselines_with_figures_of_each_part(found):
    result = found.result
    trivial = ["constant", "single best feature", "tree of depth 3", "isolation forest"]
    assert [row.title for row in result.rows] == ["robust-pca", *trivial]
    assert [row.trivial for row in result.rows] == [False, *[True] * 4]
    assert result.parts == ["two", "again"]
    figure = result.figure("robust-pca", "two", "roc_auc")
    assert 0.7 < figure.low <= figure.value <= figure.high
    assert len(figure.seeds) == 2
    assert result.figure("constant", "two", "roc_auc").value == 0.5
    assert result.figure("constant", "two", "accuracy").value == pytest.approx(300 / 450)
    assert result.figure("robust-pca", "two", "false_alarms_a_day").value == pytest.approx(
        1_000 * result.figure("robust-pca", "two", "false_alarm_rate").value
    )


def test_a_threshold_is_set_without_a_test_row(found):
    row = found.result.row("robust-pca")
    assert row.decides == "5 % false alarms asked for"
    assert row.learnt_rows == 240  # of 300 normal rows a fifth is held back
    one = found.seeded["robust-pca"]["two"][0]
    assert one.tested.predicted.tolist() == (one.tested.scores > row.thresholds[0]).astype(int).tolist()


def test_what_each_costs_is_told(found):
    cost = found.result.row("robust-pca").cost
    assert cost.learning_s > 0
    assert cost.rows_per_s > 1_000
    assert cost.parameters > 50
    assert cost.sealed_bytes > 1_000
    assert found.result.row("tree of depth 3").cost.sealed_bytes is None


def test_runs_that_are_kept_are_not_made_again(found, shelf, monkeypatch):
    monkeypatch.setattr(evaluating, "run", lambda *_, **__: pytest.fail("it was made again"))
    told = []
    again = evaluate(Given(protocol()), shelf=shelf, told=lambda *said: told.append(said))
    assert again.result.rows == found.result.rows
    assert told == [(10, 10, "taken up where it stopped")]


def test_another_choice_makes_other_runs(found, shelf, monkeypatch):
    monkeypatch.setattr(evaluating, "run", lambda *_, **__: pytest.fail("it was made again"))
    with pytest.raises(pytest.fail.Exception):
        evaluate(Given(protocol("rate = 0.05", "rate = 0.1")), shelf=shelf)


def test_a_run_that_was_cut_is_made_again(found, shelf):
    path = sorted(shelf.folder.iterdir())[0]
    path.write_bytes(path.read_bytes()[:100])
    assert evaluate(Given(protocol()), shelf=shelf).result.figure("robust-pca", "two", "roc_auc").value > 0.7


def test_kinds_are_told_apart_by_references_and_refused_where_a_detector_cannot(shelf):
    own = protocol("seeds = 2", 'seeds = 1\nclasses = "categories"')
    with pytest.raises(UsageError, match="robust-pca does not tell kinds of attack apart"):
        evaluate(Given(own), shelf=shelf)
    forest = own.model_copy(update={
        "entries": (own.entries[0].model_copy(update={"detector": "reference:random-forest:trees=5"}),),
        "pairs": (), "expect": (),
    })  # fmt: skip
    result = evaluate(Given(forest), shelf=shelf).result
    assert result.names == ["normal", "dos", "probe"]
    assert np.shape(result.rows[0].parts["two"].confusion) == (3, 3)
    assert result.figure(result.rows[0].title, "two", "recall[dos]").value > 0.9
    assert result.rows[0].decides == "likeliest class"
    assert "calibration_error" in result.rows[0].parts["two"].figures


def test_results_are_written_and_read_and_compare_with_themselves(found):
    results = Results(results=[found.result])
    again = Results.read(results.written(), "x")
    assert again == results
    assert list(left(again, results)) == []
    assert [one.met for one in expected(found.result)] == [True]


def test_a_figure_that_left_its_interval_is_told(found):
    results = Results(results=[found.result])
    earlier = Results.read(results.written(), "x")
    figures = earlier.results[0].rows[0].parts["two"].figures
    figures["accuracy"] = figures["accuracy"].model_copy(update={"value": 0.1, "low": 0.05, "high": 0.15})
    told = list(left(results, earlier))
    assert len(told) == 1
    assert "robust-pca, two: accuracy was 10.00 (5.00–15.00) and is" in told[0]
    assert told[0].endswith("better")
    other = Results(results=[found.result.model_copy(update={"sha256": "0" * 64})])
    assert "is of other choices" in next(left(results, other))
    assert "there is no earlier result" in next(left(results, Results(results=[])))


def test_what_is_no_result_is_refused():
    with pytest.raises(UsageError, match=r"x holds no results of `oddflow evaluate -o`"):
        Results.read("{}", "x")


def test_the_tables_say_what_they_are(found):
    text = page(found.result)
    assert text.startswith("## Made\n\n*Exploratory: chosen on the command line.*")
    assert "| detector | accuracy, % | ROC AUC | false alarm rate, % |" in text
    assert "- robust-pca less single best feature, ROC AUC on two: " in text
    assert "- reached: robust-pca, two: ROC AUC at least 0.7000 was expected" in text
    assert "| robust-pca | normal rows | 5 % false alarms asked for | 240 |" in text
    assert markdown(found).startswith("# Made\n")
    once = replaced("# Results\n", "made", text)
    assert replaced(once, "made", text) == once
    assert replaced(replaced(once, "other", "x"), "made", "y").count("<!-- result") == 2


def test_the_card_is_one_page_that_loads_nothing(found):
    text = render(found)
    assert text.count("<svg") >= 2 * 5
    for word in ("http://", "https://", "<img", " style="):
        assert word not in text
    assert "Content-Security-Policy" in text
    assert "Attacks found at each false-alarm rate" in text
