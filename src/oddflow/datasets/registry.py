"""The data sets that Oddflow knows: a closed list, as data, a file each in `sets/`."""

import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from oddflow.datasets.description import DataSet
from oddflow.errors import UsageError

SETS = Path(__file__).with_name("sets")


@cache
def known() -> dict[str, DataSet]:
    """All sets by name, in order of the names.

    >>> "nsl-kdd" in known()
    True
    """
    found = [DataSet.model_validate(tomllib.loads(path.read_text("utf-8"))) for path in sorted(SETS.glob("*.toml"))]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def find(name: str) -> DataSet:
    """What is known of a set.

    Raises:
        UsageError: There is none of this name; which are meant, perhaps.
    """
    sets = known()
    if name in sets:
        return sets[name]
    close = get_close_matches(name.lower(), sets, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UsageError(f"no data set is called {name!r}{hint} `oddflow datasets list` shows all {len(sets)}")
