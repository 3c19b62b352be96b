"""Secrets that the settings only name: env:NAME or file:PATH."""

import os
from pathlib import Path

from oddflow.errors import UsageError
from oddflow.files import reason_of

MOST_CHARACTERS = 4_096


def read_secret(reference: str, *, what: str, folder: Path) -> str:
    """What env:NAME or file:PATH leads to; no message holds any of it, nor a secret that stands there itself.

    Args:
        reference: As the file has it; a relative path is relative to the folder.
        what: The key, for messages.
        folder: Of the settings file.

    Raises:
        UsageError: It is neither of the two, or leads nowhere.
    """
    kind, _, where = reference.partition(":")
    if kind == "env" and where:
        if not (found := os.environ.get(where, "")):
            raise UsageError(f"{what} names the environment variable {where}, which is empty or not set; set it")
    elif kind == "file" and where:
        path = folder / where
        try:
            with path.open("rb") as file:
                found = file.read(MOST_CHARACTERS + 1).decode().strip("\r\n")
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{what} names the file {path}, which cannot be read ({reason_of(error)}); check the path and its "
                "permissions"
            ) from None
    else:
        raise UsageError(
            f"{what} holds the secret itself, and others may read this file; write env:NAME or file:PATH, and put the "
            "secret there"
        )
    if not found or len(found) > MOST_CHARACTERS:
        raise UsageError(f"{what}: the secret is empty or longer than {MOST_CHARACTERS:,} characters")
    return found
