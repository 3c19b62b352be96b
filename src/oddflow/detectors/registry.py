"""The closed list of detectors, as data; each module is imported when its detector is asked for."""

import inspect
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature

DETECTORS = {
    "adversarial-autoencoder": (
        "oddflow.detectors.adversarial_autoencoder",
        "AdversarialAutoencoderDetector",
        "train",
    ),
    "autoencoder": ("oddflow.detectors.autoencoder", "AutoencoderDetector", "train"),
    "convolutional-autoencoder": (
        "oddflow.detectors.convolutional_autoencoder",
        "ConvolutionalAutoencoderDetector",
        "train",
    ),
    "deep-belief-network": ("oddflow.detectors.deep_belief", "DeepBeliefDetector", "train"),
    "deep-boltzmann-machine": ("oddflow.detectors.deep_boltzmann", "DeepBoltzmannDetector", "train"),
    "generative-adversarial-network": (
        "oddflow.detectors.generative_adversarial",
        "GenerativeAdversarialDetector",
        "train",
    ),
    "packet-language-model": ("oddflow.detectors.packet_language_model", "PacketLanguageModelDetector", "train"),
    "packet-markov-chain": ("oddflow.detectors.packet_markov_chain", "PacketMarkovChain", ""),
    "restricted-boltzmann-machine": (
        "oddflow.detectors.restricted_boltzmann",
        "RestrictedBoltzmannDetector",
        "train",
    ),
    "bayesian-network": ("oddflow.detectors.bayesian_network", "BayesianNetwork", ""),
    "entropy": ("oddflow.detectors.entropy", "Entropy", ""),
    "histograms": ("oddflow.detectors.histograms", "Histograms", ""),
    "robust-pca": ("oddflow.detectors.robust_pca", "RobustPca", ""),
    "traffic-rate": ("oddflow.detectors.traffic_rate", "TrafficRate", ""),
    "variational-autoencoder": (
        "oddflow.detectors.variational_autoencoder",
        "VariationalAutoencoderDetector",
        "train",
    ),
}
CLASSICAL = {
    "decision-tree": ("oddflow.detectors.decision_tree", "DecisionTree"),
    "ensemble": ("oddflow.detectors.ensemble", "Ensemble"),
    "fuzzy-rules": ("oddflow.detectors.fuzzy_rules", "FuzzyRules"),
    "gaussian-mixture": ("oddflow.detectors.gaussian_mixture", "GaussianMixture"),
    "gradient-boosting": ("oddflow.detectors.gradient_boosting", "GradientBoosting"),
    "isolation-forest": ("oddflow.detectors.isolation_forest", "IsolationForest"),
    "k-means": ("oddflow.detectors.k_means", "KMeans"),
    "learned-rules": ("oddflow.detectors.learned_rules", "LearnedRules"),
    "naive-bayes": ("oddflow.detectors.naive_bayes", "NaiveBayes"),
    "nearest-neighbours": ("oddflow.detectors.nearest", "NearestNeighbours"),
    "one-class-svm": ("oddflow.detectors.one_class_svm", "OneClassSvm"),
    "principal-components": ("oddflow.detectors.principal_components", "PrincipalComponents"),
    "random-forest": ("oddflow.detectors.random_forest", "RandomForest"),
    "support-vectors": ("oddflow.detectors.support_vectors", "SupportVectors"),
}
"""Those that scikit-learn fits; sealed, they need it no more."""
DETECTORS |= {name: (*place, "train") for name, place in CLASSICAL.items()}
PROBES = {"train": "torch"}


def names() -> list[str]:
    """All names, in alphabetical order."""
    return sorted(DETECTORS)


def installed(name: str) -> bool:
    """Whether what a detector needs is installed."""
    extra = DETECTORS[name][2]
    return not extra or find_spec(_probe(name)) is not None


def _probe(name: str) -> str:
    """The package whose presence tells that a detector's extra is installed."""
    return "sklearn" if name in CLASSICAL else PROBES[DETECTORS[name][2]]


def default() -> str:
    """The best detector that is installed."""
    return "autoencoder" if installed("autoencoder") else "robust-pca"


def find(name: str) -> type[Detector]:
    """A detector's class.

    Raises:
        UsageError: There is none of that name, or the extra that it needs is not installed.
    """
    if name not in DETECTORS:
        raise UsageError(f"there is no detector {name!r}; there are {', '.join(names())}")
    module, attribute, extra = DETECTORS[name]
    if not installed(name):
        lacks = "scikit-learn" if name in CLASSICAL else "torch"
        raise UsageError(
            f"{name} needs {lacks}: pip install 'oddflow[{extra}]', or use --detector robust-pca, which needs no more"
        )
    found: type[Detector] = getattr(import_module(module), attribute)
    return found


def options(name: str) -> list[str]:
    """What a detector can be told, beside its features."""
    return [option for option in inspect.signature(find(name)).parameters if option != "features"]


def parsed(name: str, texts: Sequence[str]) -> dict[str, Any]:
    """Options of a detector that were given as words: "epochs=10", "hidden=64,16".

    Raises:
        UsageError: It has no such option, or the value is of another kind.
    """
    defaults = {
        option: parameter.default
        for option, parameter in inspect.signature(find(name)).parameters.items()
        if option not in {"features", "seed", "told"}
    }
    found = {}
    for text in texts:
        option, _, value = text.partition("=")
        if option not in defaults:
            known = ", ".join(defaults) or "none"
            raise UsageError(f"{name} has no option {option!r}; write NAME=VALUE with one of its own: {known}")
        default = defaults[option]
        try:
            found[option] = _read(value, default)
        except ValueError:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            raise UsageError(f"{option} of {name} cannot be {value!r}; expected one like {shown}") from None
    return found


def _read(text: str, default: Any) -> Any:
    """A value of the same kind as an option's default; raises ValueError where it is none."""
    if isinstance(default, bool):
        if text not in {"true", "false"}:
            raise ValueError
        return text == "true"
    if isinstance(default, tuple):
        return tuple(_read(part.strip(), default[0]) for part in text.strip("[]").split(","))
    return type(default)(text) if isinstance(default, (int, float)) else text


def create(name: str, features: Sequence[Feature], **given: Any) -> Detector:
    """A detector, not fitted yet.

    Raises:
        UsageError: No such name or option; the message lists what there is.
    """
    found, known = find(name), options(name)
    wrong = [option for option in given if option not in known]
    if wrong:
        raise UsageError(f"{name} has no option {', '.join(wrong)}; it has {', '.join(known)}")
    return found(features, **given)  # type: ignore[call-arg]


def describe() -> list[dict[str, str]]:
    """What each detector is, without importing what is not installed."""
    known = []
    for name in names():
        entry = {"name": name, "needs": DETECTORS[name][2] or "nothing more", "summary": "not installed"}
        entry |= {"good_at": "", "bad_at": "", "paper": "", "exportable": "", "reads": ""}
        if installed(name):
            found = find(name)
            entry |= {key: getattr(found, key) for key in ("summary", "good_at", "bad_at", "paper")}
            entry |= {"exportable": str(found.exportable), "reads": str(found.reads)}
        known.append(entry)
    return known
