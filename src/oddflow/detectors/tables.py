"""Where the vectors of categories come from: a file of port vectors, or what goes with each category in the rows."""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.models.categories import Table, most_frequent
from oddflow.models.port_vectors import PortVectors
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler

SERVICE = "service"
MOST_VALUES = 256
"""Values of a category that get a learnt vector; the rarer ones are as those that were never seen."""


def tables_for(x: Floats, features: Sequence[Feature], *, learnt: bool, file: str) -> list[Table]:
    """Vectors of the CATEGORY columns of rows (n, d): of services by the file, of all others learnt if wanted.

    Raises:
        UsageError: Learnt ones need torch, which is not installed; or the file is of other services.
        InputError: The file cannot be read.
    """
    tables = [_from_file(x, features, file)] if file else []
    places = [place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY]
    left = [place for place in places if place not in {table.place for table in tables}]
    return tables + (_learnt(x, features, left) if learnt and left else [])


def _from_file(x: Floats, features: Sequence[Feature], file: str) -> Table:
    place = next((place for place, feature in enumerate(features) if feature.name == SERVICE), None)
    if place is None:
        raise UsageError(f"an embedding is of services, and the rows have no column {SERVICE!r}; leave it out")
    found = PortVectors.read(file)
    if not np.isin(x[:, place], found.services).any():
        raise UsageError(f"{file} knows none of the services that are to be learnt; embed traffic that has them")
    return Table(place, found.services, found.vectors)


def _learnt(x: Floats, features: Sequence[Feature], places: Sequence[int]) -> list[Table]:
    if find_spec("torch") is None:
        raise UsageError("learnt embeddings need torch: pip install 'oddflow[train]', or use categories=one-hot")
    from oddflow.training.category_vectors import learn_vectors  # noqa: PLC0415  (torch is not always there)

    numeric = [place for place, feature in enumerate(features) if feature.scale is not Scale.CATEGORY]
    if not numeric:
        raise UsageError("embeddings are learnt from the numbers beside them, and the rows have none; use one-hot")
    # over all rows alike: scaled by service, no number would tell one service from another
    numbers = Scaler.fit(x[:, numeric], [features[place] for place in numeric]).transform(x[:, numeric])
    values = [most_frequent(x[:, place], MOST_VALUES) for place in places]
    vectors = learn_vectors([x[:, place] for place in places], values, numbers)
    return [Table(*one) for one in zip(places, values, vectors, strict=True)]
