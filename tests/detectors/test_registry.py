import subprocess
import sys

import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale

FEATURES = (Feature("a", "", Scale.LINEAR, "{value}"),)


def test_the_list_is_closed_and_sorted():
    assert registry.names() == sorted(registry.DETECTORS)
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
        assert (entry["summary"] == "not installed") is bool(registry.DETECTORS[entry["name"]][2])


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
