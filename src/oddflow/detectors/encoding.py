"""What all detectors that scale rows can be told of it; each passes it on to `models/scaling.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from oddflow.detectors.tables import tables_for
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.categories import MOST_BUCKETS, Categories
from oddflow.models.numbers import Scaling
from oddflow.models.rows import Floats
from oddflow.models.scaling import Scaler


@dataclass(frozen=True, slots=True)
class Encoding:
    """How raw rows are shown to a detector.

    Attributes:
        scaling: Of numbers: a word of `Scaling`.
        categories: How categories are shown: a word of `Categories`.
        buckets: Of a hashed category.
        embedding: A file of port vectors that `oddflow embed` wrote, for the service; "" for none.
    """

    scaling: str = Scaling.BY_SERVICE
    categories: str = Categories.ONE_HOT
    buckets: int = 16
    embedding: str = ""

    def check(self, name: str) -> None:
        """Raises UsageError where an option of the detector of that name is not as it must be."""
        for option, words in (("scaling", Scaling), ("categories", Categories)):
            given = getattr(self, option)
            if given not in list(words):
                raise UsageError(f"{option} of {name} must be one of {', '.join(words)}; {given!r} given")
        if self.buckets not in range(2, MOST_BUCKETS + 1):
            raise UsageError(f"buckets of {name} must be from 2 to {MOST_BUCKETS}; {self.buckets!r} given")

    def scaler(self, x: Floats, features: Sequence[Feature]) -> Scaler:
        """Learns to scale: x (n, d), one feature a column.

        Raises:
            UsageError: Learnt vectors need torch, which is not installed; or the file is of other services.
            InputError: The file cannot be read.
        """
        scaling, categories = Scaling(self.scaling), Categories(self.categories)
        tables = tables_for(x, features, learnt=categories is Categories.EMBEDDING, file=self.embedding)
        return Scaler.fit(x, features, scaling, categories, buckets=self.buckets, tables=tables)
