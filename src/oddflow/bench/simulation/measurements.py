"""What was measured, read from the JSON that `oddflow bench` writes."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oddflow.errors import InputError
from oddflow.files import reason_of

MOST_BYTES = 1 << 20


def read_measurements(place: Path, part: str, command: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole of a file, and one part of it.

    Args:
        place: The file.
        part: The part's name; an object that is to be there.
        command: What writes such a file.

    Raises:
        InputError: It cannot be read, or is no such file.
    """
    try:
        with place.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        found = json.loads(text) if len(text) <= MOST_BYTES else None
    except OSError as error:
        raise InputError(f"{place} cannot be read: {reason_of(error)}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(held := found.get(part), dict):
        raise InputError(f"{place} holds no {part}; expected the JSON that {command} -o FILE writes")
    return found, held


def number(place: Path, told: Mapping[str, Any], name: str) -> float:
    """A number of such a file that is not below 0.

    Raises:
        InputError: It is none.
    """
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InputError(f"{place}: {name} is {value!r}; expected a number that is not below 0")
    return float(value)
