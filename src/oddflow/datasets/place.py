"""Where data sets lie: one folder for all, and the examples that ship with Oddflow."""

import os
from pathlib import Path

from oddflow.datasets.description import DataSet, File
from oddflow.errors import Unreadable, UsageError
from oddflow.files import examples_folder

VARIABLE = "ODDFLOW_DATA"


def folder(option: str | os.PathLike[str] | None = None) -> Path:
    """The folder of all data sets: the one that is given, else what ODDFLOW_DATA names.

    Raises:
        UsageError: Neither is.
        Unreadable: It is no folder.
    """
    given = os.fspath(option) if option is not None else os.environ.get(VARIABLE, "")
    if not given:
        raise UsageError(f"no folder of data sets is given; name it with --data FOLDER, or in {VARIABLE}")
    place = Path(given)
    if not place.is_dir():
        raise Unreadable(f"{given} is no folder; --data or {VARIABLE} names the folder that holds the data sets")
    return place


def place_of(file: File, data: Path | None) -> Path | None:
    """Where a file is to be found; None where that takes a folder, and none is given."""
    if file.shipped:
        return examples_folder() / file.path
    return data / file.path if data is not None else None


def is_there(file: File, data: Path | None) -> bool:
    """Whether a file is to be found."""
    place = place_of(file, data)
    return place is not None and place.is_file()


def presence(known: DataSet, data: Path | None) -> str:
    """How much of what is usually read is there: "here", "partly" where that is enough to use the set, "absent".

    It is "not read" where Oddflow does not read the set.
    """
    if not known.available:
        return "not read"
    there = {file.path for file in known.files if is_there(file, data)}
    usual = {path for section in known.sections if not section.asked for path in (section.path, section.truth) if path}
    if usual <= there:
        return "here"
    # a set of optional files is of use with any of them
    needed = {file.path for file in known.files if file.required}
    return "partly" if there & usual and needed <= there else "absent"


def needed_place(known: DataSet, path: str, data: Path | None) -> Path:
    """Where a file of a set is.

    Raises:
        UsageError: A folder is needed, and none is given.
        Unreadable: It is not there; how to get it.
    """
    file = next(one for one in known.files if one.path == path)
    place = place_of(file, data)
    if place is None:
        return folder() / file.path
    if not place.is_file():
        raise Unreadable(
            f"{known.name} needs {place}, which is not there; get it from {known.url or 'its owner'} and "
            f"`oddflow datasets get {known.name} --from FOLDER`"
        )
    return place
