"""An alert explained by a model whose answers are known beforehand."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.learning.learn import learn
from oddflow.models.sealed import SealedModel
from oddflow.reports.explanation import render
from oddflow.verdicts.alerting import normal_of
from oddflow.verdicts.explaining.attribution import Method, attribution, integrated
from oddflow.verdicts.explaining.explaining import explain
from oddflow.verdicts.explaining.parts import parts_of
from oddflow.verdicts.explaining.substitutes import Substitutes
from oddflow.verdicts.record import write_alerts
from tests.checks.problem import FEATURES, normal_rows
from tests.learning.make import gathered
from tests.verdicts.make import alert


@pytest.fixture(scope="module", name="model", params=["robust-pca", "k-means"])
def model_of(request):
    return SealedModel(learn(gathered(1_200), detector=request.param))


def odd_row(place=1, factor=1e4):
    row = normal_rows(1, 5)[0].astype(np.float32)
    row[place] = row[place] * factor + 1e5
    return row


def alert_of(model, row, threshold=None):
    score = float(model.scores(row[None])[0])
    threshold = float(np.quantile(model.held_back, 0.99)) if threshold is None else threshold
    return alert(row=row.astype("<f4").tobytes(), score=score, threshold=threshold)


def test_what_was_planted_is_a_first_reason_and_the_counterfactual_is_normal(model):
    it = explain(alert_of(model, odd_row()), model)
    assert FEATURES[1].name in {it.because[0].feature, it.because[1].feature}
    assert it.counterfactual.reached
    assert it.counterfactual.score < it.threshold
    assert it.counterfactual.text.startswith("it would be normal with")
    wanted = {change.feature for change in it.counterfactual.changes}
    assert FEATURES[1].name in wanted


def test_changes_alone_make_the_row_normal(model):
    row = odd_row()
    it = explain(alert_of(model, row), model)
    names = [feature.name for feature in FEATURES]
    for change in it.counterfactual.changes:
        row[names.index(change.feature)] = change.wanted
    assert float(model.scores(row[None])[0]) == pytest.approx(it.counterfactual.score, rel=1e-3)
    assert model.scores(row[None])[0] < it.threshold


def test_nearest_flows_are_normal_and_ascend(model):
    it = explain(alert_of(model, odd_row()), model)
    assert it.nearest
    assert [one.distance for one in it.nearest] == sorted(one.distance for one in it.nearest)
    assert all(one.score < it.threshold for one in it.nearest)


def test_another_model_is_noticed(model):
    given = alert_of(model, odd_row())
    it = explain(replace(given, score=given.score * 2), model)
    assert any("another model" in remark for remark in it.remarks)


def test_an_alert_without_its_row_is_refused(model):
    with pytest.raises(UsageError, match="does not hold"):
        explain(alert(), model)


def test_an_alert_of_a_group_is_not_the_model_s(model):
    with pytest.raises(UsageError, match="group of flows"):
        explain(replace(alert_of(model, odd_row()), kind="collective"), model)


def test_a_row_of_another_width_is_refused(model):
    with pytest.raises(SchemaMismatch, match="columns"):
        explain(alert(row=np.zeros(2, "<f4").tobytes()), model)


def test_gradients_along_the_way_add_up_to_the_difference_of_scores():
    model = SealedModel(learn(gathered(1_200), detector="k-means"))
    row = odd_row()
    substitutes = Substitutes.of(model, normal_of(model, model.held_back, "x"), row, np.inf)
    added = integrated(model, row, substitutes)
    ends = model.scores(np.stack([row, substitutes.rows[0]]))
    assert float(added.sum()) == pytest.approx(float(ends[0] - ends[1]), rel=0.05)
    parts = parts_of(model.features)
    assert attribution(model, row, parts, substitutes).method is Method.GRADIENTS
    taken = attribution(model, row, parts, substitutes, Method.OCCLUSION)
    assert int(taken.shares.argmax()) == int(np.argmax(added))


def test_a_page_escapes_what_the_traffic_says(model):
    it = explain(replace(alert_of(model, odd_row()), wireshark_filter="<script>alert(1)</script>"), model)
    page = render(it)
    assert "<script>alert(1)" not in page
    assert "What would make it normal" in page


def test_trees_are_explained_by_shapley_values():
    model = SealedModel(learn(gathered(400), detector="isolation-forest", trees=10))
    it = explain(alert_of(model, odd_row()), model)
    assert it.method == Method.TREES
    threshold = float(np.quantile(model.held_back, 0.99))
    usual = int((model.scores(model.prototypes) < threshold).sum())
    assert any(f"against {usual} normal flows" in remark for remark in it.remarks)
    shares = {one.feature: one.share for one in it.because}
    assert max(shares, key=shares.get) == FEATURES[1].name


def test_what_is_more_than_trees_is_explained_by_taking_parts_away():
    members = ("isolation-forest", "robust-pca")
    model = SealedModel(learn(gathered(400), detector="ensemble", members=members))
    it = explain(alert_of(model, odd_row()), model)
    assert it.method == Method.OCCLUSION
    assert any("no slopes" in remark for remark in it.remarks)
    assert it.because


@pytest.mark.parametrize(("detector", "words"), [("k-means", "integrated gradients"), ("isolation-forest", "Shapley")])
def test_explaining_loads_neither_torch_nor_sklearn(tmp_path, detector, words):
    model = SealedModel(learn(gathered(400), detector=detector))
    model.write(tmp_path / "m.oddflow")
    write_alerts(str(tmp_path / "a.jsonl"), [alert_of(model, odd_row())])
    code = (
        "import sys; from oddflow.cli.main import main\n"
        f"sys.argv = ['oddflow', 'explain', {str(tmp_path / 'a.jsonl')!r}, '0123', '-m',"
        f" {str(tmp_path / 'm.oddflow')!r}, '--report', {str(tmp_path / 'p.html')!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert (tmp_path / "p.html").exists()
