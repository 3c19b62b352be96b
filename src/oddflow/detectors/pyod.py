"""Any detector of PyOD, by its name."""

import inspect
import pkgutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar, final

import numpy as np
import pyod.models
from numpy.typing import NDArray
from pyod.models.base import BaseDetector

from oddflow.detectors.registry import registered
from oddflow.detectors.wrapped import ForeignDetector
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats


@registered
@final
class Pyod(ForeignDetector):
    """A detector of PyOD on scaled columns, with the options that it has by itself, to be compared with.

    Source: Zhao, Nasrullah & Li 2019, "PyOD: A Python Toolbox for Scalable Outlier Detection".

    Args:
        features: The columns of a row.
        model: The name of a class of `pyod.models`, in capitals or not: "GMM", "ECOD", "IForest".
        seed: Of the models that take one.
    """

    name: ClassVar[str] = "pyod"
    summary: ClassVar[str] = "any detector of PyOD by its name (pyod:ECOD), for comparison"
    good_at: ClassVar[str] = "trying what there is"
    bad_at: ClassVar[str] = "it cannot be sealed, so it cannot detect without this machine's Python"
    paper: ClassVar[str] = "Zhao et al. 2019"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"seed": (0, 2**32 - 1)}

    def __init__(self, features: Sequence[Feature], *, model: str = "GMM", seed: int = 0) -> None:
        self.features = features
        self.model = model
        self.seed = seed

    def _fresh(self) -> Any:
        kind = find_model(self.model)
        known = inspect.signature(kind).parameters
        # networks of PyOD tell each epoch unless they are asked not to
        given = {"random_state": self.seed, "verbose": 0}
        return kind(**{option: value for option, value in given.items() if option in known})

    def _teach(self, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        try:
            with _quiet():
                self.estimator_.fit(scaled)
        except (ValueError, TypeError, IndexError, RuntimeError) as error:  # some want one column, or times, or graphs
            raise UsageError(f"{self.model} of PyOD cannot learn such rows: {error}") from None

    def _raw(self, scaled: Floats) -> NDArray[np.float64]:
        with _quiet():
            found = np.asarray(self.estimator_.decision_function(scaled), np.float64)
        if not np.isfinite(found).all():
            raise UsageError(f"{self.model} of PyOD gives scores that are no finite numbers for such rows")
        return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences warnings of methods that are not ours: of columns that hardly vary, most of all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def find_model(name: str) -> Any:
    """A class of PyOD by its name; only modules of `pyod.models` itself are ever imported.

    Raises:
        UsageError: There is none of that name, or it cannot be used without arguments or labels.

    >>> find_model("ecod").__name__
    'ECOD'
    """
    modules = [module.name for module in pkgutil.iter_modules(pyod.models.__path__)]
    module = next((module for module in modules if _folded(module) == _folded(name)), None)
    if module is None:
        known = ", ".join(module for module in modules if not module.startswith(("_", "base")))
        raise UsageError(f"PyOD has no detector {name!r}; write one of pyod.models: {known}")
    try:
        held = vars(import_module(f"pyod.models.{module}")).values()
    except ImportError as error:
        raise UsageError(f"{name} of PyOD needs more than is installed: {error}") from None
    kinds = (kind for kind in held if isinstance(kind, type) and issubclass(kind, BaseDetector))
    found: Any = next((kind for kind in kinds if _folded(kind.__name__) == _folded(name)), None)
    if found is None or inspect.isabstract(found):
        raise UsageError(f"pyod.models.{module} holds no detector {name!r}")
    needed = [p.name for p in inspect.signature(found).parameters.values() if p.default is p.empty and p.kind < 2]
    if needed or inspect.signature(found.fit).parameters["y"].default is inspect.Parameter.empty:
        raise UsageError(
            f"{name} of PyOD cannot be used by its name alone: it needs {', '.join(needed) or 'labels'}; "
            "in Python, wrap(…) of oddflow.detectors.wrapped takes it with its arguments"
        )
    return found


def _folded(name: str) -> str:
    return str(name).lower().replace("_", "")
