import json

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save

from oddflow import files
from oddflow.errors import NotAModel, OutputError, Tampered, Unreadable
from oddflow.features.feature import Feature, Scale
from oddflow.models.format import CALIBRATION, MANIFEST, WEIGHTS, pack, read_sealed, unpack, write_sealed
from oddflow.models.manifest import FORMAT_VERSION, Manifest, schema_sha256, sealed_features

from .make import FEATURES, archive, manifest
from .test_hostile import rebuilt


def test_what_is_packed_comes_back():
    sealed = archive(weights={"b": np.ones((2, 2), np.float32), "a": np.zeros(3, np.float32)})
    back = unpack(pack(sealed))
    assert back.manifest == sealed.manifest
    assert back.parts == sealed.parts
    assert WEIGHTS in back.parts
    assert back.held_back.tolist() == [1, 2, 3]


def test_the_same_content_gives_the_same_bytes():
    assert pack(archive()) == pack(archive())


def test_writing_and_reading(tmp_path):
    path = tmp_path / "a.oddflow"
    write_sealed(path, archive())
    write_sealed(path, archive(detector="other"))
    assert read_sealed(path).manifest.detector == "other"
    assert [place.name for place in tmp_path.iterdir()] == ["a.oddflow"]


def test_a_full_disk_leaves_the_old_model_and_no_half_file(tmp_path, monkeypatch):
    path = tmp_path / "a.oddflow"
    write_sealed(path, archive())
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left.*make room"):
        write_sealed(path, archive(detector="other"))
    assert [place.name for place in tmp_path.iterdir()] == ["a.oddflow"]
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_sealed(tmp_path / "none" / "a.oddflow", archive())


def test_a_missing_file_or_a_folder_is_unreadable(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Unreadable, match="cannot be read"):
            read_sealed(path)


def test_a_newer_format_says_upgrade():
    content = rebuilt(**{MANIFEST: _edited(format_version=FORMAT_VERSION + 1, something_new=1)})
    with pytest.raises(NotAModel, match="upgrade"):
        unpack(content)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"extra": 1}, NotAModel, "extra"),
        ({"format_version": "one"}, NotAModel, "format_version"),
        ({"features": []}, NotAModel, "features"),
        ({"ranges": []}, NotAModel, "0 ranges"),
        ({"groups": [{"value": 1, "rows": 1, "low": [1], "high": [1]}]}, NotAModel, "group"),
        ({"metrics": {"a": "x"}}, NotAModel, "metrics"),
        ({"calibration": {"rows": 0, "flows_per_s": 1}}, NotAModel, "calibration"),
        ({"calibration": {"rows": 4, "flows_per_s": 1}}, NotAModel, "4 float32 scores"),
        ({"parts": {}}, NotAModel, "lists nothing"),
        ({"feature_schema_sha256": "0" * 64}, Tampered, "features"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_by_name(changes, error, words):
    with pytest.raises(error, match=words):
        unpack(rebuilt(**{MANIFEST: _edited(**changes)}), "some.oddflow")


def test_a_manifest_holds_no_nan():
    with pytest.raises(ValidationError):
        manifest(metrics={"auc": float("nan")})
    with pytest.raises(NotAModel, match="metrics"):
        unpack(rebuilt(**{MANIFEST: _edited(metrics={"auc": float("nan")})}))


def test_a_feature_that_is_named_twice_is_refused():
    twice = sealed_features([FEATURES[0]] * 3)
    features = [feature.model_dump(mode="json") for feature in twice]
    content = _edited(features=features, feature_schema_sha256=schema_sha256(twice))
    with pytest.raises(NotAModel, match="twice"):
        unpack(rebuilt(**{MANIFEST: content}))


def test_the_schema_hash_tells_any_difference():
    other = Feature("duration_s", "s", Scale.LINEAR, "lasted {value}")
    hashes = {schema_sha256(sealed_features(features)) for features in (FEATURES, FEATURES[::-1], [other])}
    assert len(hashes) == 3


def test_scores_out_of_order_are_refused_whoever_hashed_them():
    for scores in ([2.0, 1.0], [1.0, float("nan")]):
        with pytest.raises(NotAModel, match="calibration"):
            unpack(rebuilt(**{CALIBRATION: _tensors(scores), "rows": 2}))


def _tensors(scores):
    return save({"scores": np.array(scores, np.float32)})


def _edited(**changes):
    document = archive().manifest.model_dump(mode="json") | changes
    return json.dumps(document).encode()


def test_a_manifest_reads_back_as_it_was():
    one = archive().manifest
    assert Manifest.model_validate_json(one.model_dump_json()) == one
    assert one.flows_per_s == 2.5
