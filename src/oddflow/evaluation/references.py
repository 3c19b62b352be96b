"""Classifiers as scikit-learn has them, to stand beside detectors: "reference:extra-trees:trees=300".

They are not sealed, and no model of Oddflow is made of them; each row weighs the same unless `balanced` is asked for.
"""

from collections.abc import Callable, Mapping
from typing import Any

from oddflow.errors import UsageError
from oddflow.evaluation.trivial import Classifier, Constant, SingleFeature

PREFIX = "reference:"
Options = Mapping[str, float]


def _weights(options: Options) -> str | None:
    return "balanced" if options["balanced"] else None


def _tree(options: Options, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415  (the base install has no scikit-learn)

    return DecisionTreeClassifier(max_depth=_whole(options["depth"]), class_weight=_weights(options), random_state=seed)


def _forest(options: Options, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415

    return RandomForestClassifier(**_trees(options), random_state=seed)


def _extra(options: Options, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    return ExtraTreesClassifier(**_trees(options), random_state=seed)


def _boosting(options: Options, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    return HistGradientBoostingClassifier(
        max_iter=int(options["rounds"]),
        learning_rate=options["rate"],
        max_leaf_nodes=int(options["leaves"]),
        class_weight=_weights(options),
        random_state=seed,
    )


def _neighbours(options: Options, seed: int) -> Any:  # noqa: ARG001  (nothing is left to chance)
    from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return make_pipeline(StandardScaler(), KNeighborsClassifier(int(options["neighbours"])))


def _trees(options: Options) -> dict[str, Any]:
    return {
        "n_estimators": int(options["trees"]),
        "max_depth": _whole(options["depth"]),
        "min_samples_leaf": int(options["leaf"]),
        "max_features": options["share"] or "sqrt",
        "class_weight": _weights(options),
        "n_jobs": 1,
    }


def _whole(depth: float) -> int | None:
    return int(depth) or None


_TREES = {"trees": 100.0, "depth": 0.0, "leaf": 1.0, "share": 0.0, "balanced": 0.0}
"""A depth of 0 is any; a share of columns of 0 is their square root."""

REFERENCES: Mapping[str, tuple[Callable[[Options, int], Classifier], Options]] = {
    "constant": (lambda options, seed: Constant(), {}),  # noqa: ARG005
    "single-feature": (lambda options, seed: SingleFeature(), {}),  # noqa: ARG005
    "tree": (_tree, {"depth": 3.0, "balanced": 0.0}),
    "random-forest": (_forest, _TREES),
    "extra-trees": (_extra, _TREES),
    "gradient-boosting": (_boosting, {"rounds": 100.0, "rate": 0.1, "leaves": 31.0, "balanced": 0.0}),
    "neighbours": (_neighbours, {"neighbours": 5.0}),
}
"""By name: what makes it of its options and a seed, and the options as they are unless told otherwise."""


def is_reference(text: str) -> bool:
    """Whether an entry is one of these."""
    return text.startswith(PREFIX)


def reference(text: str, seed: int) -> Classifier:
    """The classifier of a text: "reference:tree:depth=3".

    Raises:
        UsageError: There is none of that name, or it has no such option, or the value is no number.
    """
    name, *given = text.removeprefix(PREFIX).split(":")
    if name not in REFERENCES:
        raise UsageError(f"there is no reference {name!r}; there are {', '.join(REFERENCES)}")
    make, defaults = REFERENCES[name]
    options = dict(defaults)
    for one in given:
        option, _, value = one.partition("=")
        if option not in options:
            raise UsageError(f"the reference {name} has no option {option!r}; it has {', '.join(options) or 'none'}")
        try:
            options[option] = float(value)
        except ValueError:
            raise UsageError(f"{option} of the reference {name} must be a number; {value!r} given") from None
    return make(options, seed)
