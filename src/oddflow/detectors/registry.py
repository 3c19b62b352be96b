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
    "autoencoder": ("oddflow.detectors.autoencoder", "AutoencoderDetector", "train"),
    "bayesian-network": ("oddflow.detectors.bayesian_network", "BayesianNetwork", ""),
    "entropy": ("oddflow.detectors.entropy", "Entropy", ""),
    "histograms": ("oddflow.detectors.histograms", "Histograms", ""),
    "robust-pca": ("oddflow.detectors.robust_pca", "RobustPca", ""),
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


def create(name: str, features: Sequence[Feature], **options: Any) -> Detector:
    """A detector, not fitted yet.

    Raises:
        UsageError: No such name or option; the message lists what there is.
    """
    found = find(name)
    known = [option for option in inspect.signature(found).parameters if option != "features"]
    wrong = [option for option in options if option not in known]
    if wrong:
        raise UsageError(f"{name} has no option {', '.join(wrong)}; it has {', '.join(known)}")
    return found(features, **options)  # type: ignore[call-arg]


def describe() -> list[dict[str, str]]:
    """What each detector is, without importing what is not installed."""
    known = []
    for name in names():
        entry = {"name": name, "needs": DETECTORS[name][2] or "nothing more", "summary": "not installed"}
        entry |= {"good_at": "", "bad_at": "", "paper": "", "exportable": ""}
        if installed(name):
            found = find(name)
            entry |= {key: getattr(found, key) for key in ("summary", "good_at", "bad_at", "paper")}
            entry["exportable"] = str(found.exportable)
        known.append(entry)
    return known
