"""How many examples of a property are tried."""

import os


def some(count: int) -> int:
    """An eighth of them in the tests, all of them in `make fuzz`."""
    return count if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else max(1, count // 8)
