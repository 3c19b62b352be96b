"""A model file that is cut, altered, not ours or of other features."""

import json
import random
import zipfile

import pytest

from oddflow.models.manifest import SealedFeature, schema_sha256

from .call import call, refused

COMMANDS = ("detect", "inspect")


def open_with(command, model, office):
    return call("inspect", model) if command == "inspect" else call("detect", office.incident, "-m", model)


@pytest.mark.parametrize("command", COMMANDS)
class TestNoModel:
    def test_a_missing_file(self, command, tmp_path, office):
        refused(open_with(command, tmp_path / "none.oddflow", office), "none.oddflow", "oddflow learn")

    def test_a_directory(self, command, tmp_path, office):
        refused(open_with(command, tmp_path, office), str(tmp_path), "directory")

    @pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x80\x04\x95pickle"])
    def test_another_file(self, command, content, tmp_path, office):
        path = tmp_path / "x.oddflow"
        path.write_bytes(content)
        refused(open_with(command, path, office), str(path))

    def test_a_capture(self, command, office):
        refused(open_with(command, office.incident, office), str(office.incident), "oddflow learn")


@pytest.mark.parametrize("command", COMMANDS)
def test_cut_anywhere(command, tmp_path, office):
    data = office.model.read_bytes()
    path = tmp_path / "cut.oddflow"
    draw = random.Random(3)
    for size in [*range(1, 60, 7), *(draw.randrange(60, len(data)) for _ in range(12)), len(data) - 1]:
        path.write_bytes(data[:size])
        refused(open_with(command, path, office), str(path))


def test_any_changed_byte_is_noticed(tmp_path, office):
    data = office.model.read_bytes()
    path = tmp_path / "changed.oddflow"
    draw = random.Random(5)
    for _ in range(40):
        place = draw.randrange(len(data))
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        outcome = call("inspect", path)
        if outcome.code == 0:  # a date or flag of the zip itself, which nobody reads; the model is the same
            assert outcome.out == call("inspect", office.model).out
        else:
            refused(outcome, str(path))


def rewritten(office, path, change):
    """The model with a manifest that was changed, and a zip that is sound."""
    with zipfile.ZipFile(office.model) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            new.writestr(name, content)
    return path


def test_a_changed_feature_is_tampering(tmp_path, office):
    path = rewritten(office, tmp_path / "x.oddflow", lambda m: m["features"][0].update(words="lies"))
    refused(call("inspect", path), str(path), "do not match", "use the original file")


def test_a_newer_format_says_to_upgrade(tmp_path, office):
    path = rewritten(office, tmp_path / "x.oddflow", lambda m: m.update(format_version=99))
    refused(call("inspect", path), "format 99", "upgrade")


def test_another_feature_schema(tmp_path, office):
    def change(manifest):
        manifest["features"][3]["name"] = "moon_phase"
        features = [SealedFeature.model_validate_json(json.dumps(f)) for f in manifest["features"]]
        manifest["feature_schema_sha256"] = schema_sha256(features)

    path = rewritten(office, tmp_path / "x.oddflow", change)
    assert call("inspect", path).code == 0
    refused(call("detect", office.incident, "-m", path), "moon_phase", "learn it")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(context={}),
        lambda m: m.update(context={"windows_s": [], "max_flows": 32_768}),
        lambda m: m.update(context={"windows_s": "long", "max_flows": 32_768}),
        lambda m: m.update(meter={"idle_timeout_s": "long"}),
        lambda m: m.update(meter={"idle_timeout_s": -1}),
        lambda m: m.update(meter={"max_flows": 1}),
        lambda m: m.update(home_networks=["everywhere"]),
    ],
)
def test_settings_that_none_can_keep(change, tmp_path, office):
    path = rewritten(office, tmp_path / "x.oddflow", change)
    refused(call("detect", office.incident, "-m", path))


def test_words_of_a_hostile_model_reach_the_terminal_without_effect(tmp_path, office):
    def change(manifest):
        for text in ("created", "detector", "oddflow_version"):
            manifest[text] = "\x1b[2J[red]boo[/red]\x07"
        manifest["provenance"]["sources"][0]["name"] = "\x1b]0;owned\x07[/]"
        manifest["features"][3] |= {"unit": "[/]\x1b[31m", "words": "\x9b31m"}
        features = [SealedFeature.model_validate_json(json.dumps(f)) for f in manifest["features"]]
        manifest["feature_schema_sha256"] = schema_sha256(features)

    path = rewritten(office, tmp_path / "x.oddflow", change)
    outcome = call("inspect", path, "--features")  # `call` looks for control characters
    assert outcome.code == 0
    assert "[red]boo[/red]" in outcome.out
