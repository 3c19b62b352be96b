"""Where a study is kept, and how Optuna is kept from talking."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage

from oddflow.errors import InputError


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna tells of each trial, and warns of what it calls experimental: nothing that a person could act on."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def storage_of(path: str | None) -> BaseStorage:
    """A SQLite file, or memory where none is named.

    Raises:
        InputError: It cannot be a file.
    """
    if path is None:
        return InMemoryStorage()
    place = Path(path)
    if not place.absolute().parent.is_dir() or place.is_dir():
        raise InputError(f"{path} cannot be used as a study: it is a folder, or its folder does not exist")
    # two workers wait for each other rather than fail
    return RDBStorage(f"sqlite:///{place.absolute()}", engine_kwargs={"connect_args": {"timeout": 60}})
