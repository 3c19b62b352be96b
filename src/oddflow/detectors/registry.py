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
    "kitnet": ("oddflow.detectors.kitnet", "KitNetDetector", ""),
    "robust-pca": ("oddflow.detectors.robust_pca", "RobustPca", ""),
}
PROBES = {"train": "torch"}


def names() -> list[str]:
    """All names, in alphabetical order."""
    return sorted(DETECTORS)


def installed(name: str) -> bool:
    """Whether what a detector needs is installed."""
    extra = DETECTORS[name][2]
    return not extra or find_spec(PROBES[extra]) is not None


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
        raise UsageError(
            f"{name} needs torch: pip install 'oddflow[{extra}]', or use --detector robust-pca, which needs no more"
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
