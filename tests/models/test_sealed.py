import subprocess
import sys

import numpy as np
import pytest

from oddflow.errors import NotAModel, SchemaMismatch, UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.models import sealed as sealed_module
from oddflow.models.format import pack
from oddflow.models.sealed import SealedModel, score_graph

from .make import FEATURES, archive, graph

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def test_scores_and_parts_have_a_row_each():
    scores, parts = SealedModel(archive()).score(X)
    assert scores.shape == (50,)
    assert scores.dtype == parts.dtype == np.float32
    np.testing.assert_allclose(parts.sum(axis=1), scores, rtol=1e-4)
    np.testing.assert_array_equal(SealedModel(archive()).scores(X), scores)


def test_scores_do_not_depend_on_the_size_of_a_batch(monkeypatch):
    whole, parts = SealedModel(archive()).score(X)
    monkeypatch.setattr(sealed_module, "_BATCH_ROWS", 7)
    scores, pieces = SealedModel(archive()).score(X)
    np.testing.assert_array_equal(scores, whole)
    np.testing.assert_array_equal(pieces, parts)


def test_no_rows_have_no_scores():
    scores, parts = SealedModel(archive()).score(np.empty((0, 3)))
    assert scores.shape == (0,)
    assert parts.shape == (0, 3)


@pytest.mark.parametrize(
    ("x", "words"),
    [([[1.0, 2.0]], "3 columns"), ([[1, 2, np.nan]], r"column 2 \(balance\)"), ([1, 2, 3], "shape")],
)
def test_rows_that_cannot_be_scored_are_refused(x, words):
    with pytest.raises(UsageError, match=words):
        SealedModel(archive()).score(x)


def test_the_input_is_not_changed():
    x = X.copy()
    SealedModel(archive()).score(x)
    np.testing.assert_array_equal(x, X)


def test_written_and_loaded_it_is_the_same(tmp_path):
    model = SealedModel(archive())
    model.write(tmp_path / "a.oddflow")
    loaded = SealedModel.load(tmp_path / "a.oddflow", threads=2)
    assert loaded.manifest == model.manifest
    assert loaded.fingerprint == model.fingerprint
    assert loaded.features == FEATURES
    assert loaded.held_back.tolist() == [1, 2, 3]
    assert loaded.to_bytes() == (tmp_path / "a.oddflow").read_bytes()
    np.testing.assert_array_equal(loaded.score(X)[0], model.score(X)[0])


def test_a_fingerprint_tells_models_apart():
    assert SealedModel(archive()).fingerprint != SealedModel(archive(held_back=(1.0, 2.0, 4.0))).fingerprint


def test_a_refused_graph_names_its_file(tmp_path):
    model = SealedModel(archive())
    model.write(tmp_path / "a.oddflow")
    with pytest.raises(NotAModel, match=r"bad\.oddflow.*its graph is refused"):
        SealedModel.from_bytes(_packed(graph(5)), name="bad.oddflow")


def _packed(other):
    return pack(archive(content=other.SerializeToString()))


def test_the_same_features_pass():
    SealedModel(archive()).check_features(list(FEATURES))


def test_missing_columns_are_named():
    with pytest.raises(SchemaMismatch, match="lacks: duration_s, balance"):
        SealedModel(archive()).check_features(FEATURES[:1])


def test_columns_in_another_order_or_meaning_are_refused():
    other = Feature("balance", "", Scale.LOG, "balance {value}")
    for features in (
        FEATURES[::-1],
        (*FEATURES[:2], other),
        (*FEATURES, Feature("more", "", Scale.LOG, "{value}")),
    ):
        with pytest.raises(SchemaMismatch, match="differs in place or meaning"):
            SealedModel(archive()).check_features(features)


def test_no_threads_are_refused():
    with pytest.raises(UsageError, match="threads is 0"):
        SealedModel(archive(), threads=0)


def test_a_graph_alone_scores_without_rounding():
    scores, _ = score_graph(graph().SerializeToString(), X)
    np.testing.assert_allclose(scores, (X**2).sum(axis=1), rtol=1e-6)


def test_importing_it_loads_neither_onnx_runtime_nor_torch():
    late = ("onnxruntime", "onnx", "torch")
    code = f"import sys, oddflow.models.sealed; sys.exit(any(name in sys.modules for name in {late}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
