"""Files that are written whole or not at all, and what the system says when they cannot be."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from oddflow.errors import OutputError


def reason_of(error: Exception) -> str:
    """What the system says of an error, without the path."""
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, "") + f" ({error.strerror})"
    return str(error)


def examples_folder() -> Path:
    """The folder of the captures that ship with Oddflow."""
    package = Path(__file__).parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parents[1] / "examples"


def check_place(path: str) -> None:
    """Refuses, before the work begins, a place that no file can be written to.

    Raises:
        OutputError: It is a directory, or in none.
    """
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "is a directory" if target.is_dir() else f"is in {target.parent}, which is no folder"
        raise OutputError(f"{path} cannot be written: it {what}; name a file in a folder that exists")


def same_file(one: str, other: str) -> bool:
    """Whether both paths lead to one file that is there."""
    return Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` as UTF-8 where it is seen whole or not at all.

    Raises:
        OutputError: The place cannot be written: no such folder, no permission, a full disk, a folder.
    """
    with whole_file(os.fspath(path)) as file:
        file.write(text.encode("utf-8", "replace"))


def write_new(path: str, content: bytes, mode: int) -> None:
    """Writes a file that nothing else has the name of, with these permissions.

    Raises:
        OutputError: It cannot be written, or something has that name.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError:
        raise OutputError(f"{path} is there already, and no key is ever overwritten; give another name") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason_of(error)}; choose another place") from None


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file that gets its name when it is whole; a device or pipe is written to, never replaced by a file.

    Raises:
        OutputError: It cannot be written; nothing is left behind, and what was there before stays.
    """
    try:
        target = Path(path).resolve()  # a link stays one
        if target.is_dir():
            raise OutputError(f"{path or 'an empty name'} is a directory; name a file in it")
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except (OSError, RuntimeError) as error:  # pathlib tells of a loop of links by a RuntimeError
        raise OutputError(f"{path} cannot be written: {reason_of(error)}; make room, or choose another place") from None
