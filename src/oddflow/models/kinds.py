"""The features that a model asks flows for; a model of a data set's own features refuses flows."""

from oddflow.errors import SchemaMismatch
from oddflow.features.kind import Kind
from oddflow.features.tabular import kind_of
from oddflow.models.manifest import Manifest

FEATURE_SET = "feature-set"
"""What the name of such features begins with; the set's name follows."""

_NAMED = 5


def is_of_feature_set(manifest: Manifest) -> bool:
    """Whether a model was learnt on a data set that has features and no flows."""
    return manifest.feature_schema_version.startswith(FEATURE_SET)


def kind_for(manifest: Manifest) -> Kind:
    """How flows become the features that a model learnt.

    Raises:
        SchemaMismatch: They cannot: which columns they lack, or which version is needed.
    """
    if is_of_feature_set(manifest):
        names = [feature.name for feature in manifest.features]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise SchemaMismatch(
            f"the model was learnt on the {manifest.feature_schema_version} and needs columns that flows do not have: "
            f"{', '.join(names[:_NAMED])}{more}; it scores rows of such a set in Python (`oddflow.datasets.load`), and "
            "no traffic"
        )
    return kind_of(manifest.feature_schema_version)
