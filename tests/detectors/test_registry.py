import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from oddflow import detectors
from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale

FEATURES = (Feature("a", "", Scale.LINEAR, "{value}"),)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """One more folder of detectors."""
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    registry.places.cache_clear()
    yield tmp_path
    registry.places.cache_clear()


OWN = """
import torch_that_is_not_there

@registered
@final
class Own(Detector):
    summary: ClassVar[str] = "mine"
    name: ClassVar[str] = "own"
    needs: ClassVar[str] = "train"


class Other(Detector):
    name: ClassVar[str] = "other"
"""
NAMELESS = OWN.replace('    name: ClassVar[str] = "own"\n', "")


def test_the_list_is_closed_and_sorted():
    assert registry.names() == sorted(registry.names())
    assert {"autoencoder", "isolation-forest", "packet-markov-chain", "robust-pca"} <= set(registry.names())


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UsageError, match=r"'magic'; there are adversarial-autoencoder, .*autoencoder, .*robust-pca"):
        registry.create("magic", FEATURES)


def test_an_unknown_option_lists_what_there_is():
    with pytest.raises(UsageError, match="no option depth; it has variance, core, seed"):
        registry.create("robust-pca", FEATURES, depth=3)


def test_a_missing_torch_says_what_to_install(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'oddflow\[train\]'"):
        registry.create("autoencoder", FEATURES)
    assert registry.default() == "robust-pca"
    for entry in registry.describe():
        assert (entry["summary"] == "not installed") is bool(registry.places()[entry["name"]].needs)


def test_the_constructor_only_stores():
    detector = registry.create("robust-pca", FEATURES, variance=0.5, seed=7)
    assert (detector.variance, detector.core, detector.seed) == (0.5, 1.0, 7)


def test_the_package_and_the_base_detector_need_no_torch():
    code = "import sys, oddflow.detectors.registry as r; r.create('robust-pca', ()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_options_are_read_by_the_kind_of_their_default():
    pytest.importorskip("torch")
    found = registry.parsed("autoencoder", ["epochs=10", "hidden=[32, 8]", "noise=1", "learning_rate=1e-3"])
    assert found == {"epochs": 10, "hidden": (32, 8), "noise": 1.0, "learning_rate": 1e-3}
    assert registry.parsed("autoencoder", ["hidden=64"]) == {"hidden": (64,)}
    assert registry.parsed("generative-adversarial-network", ["game=wgan"]) == {"game": "wgan"}


@pytest.mark.parametrize("text", ["epochs=2.5", "epochs=", "epochs", "hidden=64,", "hidden=x"])
def test_a_value_of_another_kind_is_refused(text):
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match=r"of autoencoder cannot be .* expected one like"):
        registry.parsed("autoencoder", [text])


def test_a_file_with_the_decorator_is_on_the_list_without_being_imported(folder):
    (folder / "mine.py").write_text(OWN)
    assert registry.places()["own"] == registry.Place("oddflow.detectors.mine", "Own", "train")
    assert "other" not in registry.names()


@pytest.mark.parametrize("wrong", [OWN.replace('"own"', '"entropy"'), NAMELESS])
def test_a_name_that_is_missing_or_taken_is_told(folder, wrong):
    (folder / "mine.py").write_text(wrong)
    with pytest.raises(TypeError, match=r"mine\.py: a registered detector needs a name of its own"):
        registry.places()


def test_every_detector_of_a_name_is_on_the_list_but_the_doors():
    pytest.importorskip("torch")
    held = set()
    for path in Path(registry.__file__).parent.glob("*.py"):
        module = import_module(f"oddflow.detectors.{path.stem}")
        held |= {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Detector)}
    named = {kind.name for kind in held if "name" in vars(kind)}
    doors = {"wrapped", "wrapped-classifier", "drawing-network", "scoring-network"}
    assert named - doors == set(registry.names())
    assert doors <= named
    for name in registry.names():
        assert registry.find(name).name == name
        assert registry.places()[name].needs == registry.find(name).needs


def test_a_class_of_your_own_is_itself():
    robust = registry.find("robust-pca")
    assert registry.find(robust) is robust
    assert registry.create(robust, FEATURES, core=0.5).core == 0.5
    assert registry.options(robust) == registry.options("robust-pca")


def test_options_stand_behind_colons_and_the_first_needs_no_name():
    assert registry.told("robust-pca") == ("robust-pca", {})
    assert registry.told("robust-pca:variance=0.9:core=0.8") == ("robust-pca", {"variance": 0.9, "core": 0.8})
    assert registry.told("robust-pca:0.9", ["core=1"]) == ("robust-pca", {"variance": 0.9, "core": 1.0})
    with pytest.raises(UsageError, match="there is no detector 'magic'"):
        registry.told("magic:x=1")
    with pytest.raises(UsageError, match="robust-pca has no option 'depth'"):
        registry.told("robust-pca:depth=3")
