"""Brings a set's files into the folder of data sets: from another folder or an address, checked while they are copied.

A copy that was broken off goes on where it stopped: what is there is read once more, for the hash of the whole. From
an address, what is there already is fetched once more, too.
"""

import hashlib
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from oddflow.capture.remote import is_local, is_url, local_path, shown
from oddflow.capture.stream import Closable, open_file
from oddflow.datasets.checking import PIECE_BYTES, Progress, digest_of
from oddflow.datasets.description import UNKNOWN, DataSet, File
from oddflow.errors import InputError, OutputError, Unreadable, UsageError
from oddflow.files import reason_of
from oddflow.losses import Ledger

PART = ".part"


@dataclass(frozen=True, slots=True)
class Got:
    """What became of one file.

    Attributes:
        path: In the folder of data sets.
        verdict: "copied", "there" where it was already, or "absent" where the source has it not.
        is_checked: Whether its hash is known and right.
    """

    path: str
    verdict: str
    is_checked: bool


def get(
    known: DataSet,
    source: str,
    data: Path,
    *,
    progress: Progress | None = None,
) -> list[Got]:
    """Copies all files of a set; one that is whole and right already stays.

    Args:
        known: The set.
        source: A folder, or an address under which the files lie: laid out as here, or side by side.
        data: The folder of data sets.
        progress: Told of the bytes read.

    Raises:
        UsageError: The set has no file to copy.
        Unreadable: A required file is not in the source, or none at all is.
        InputError: A file has another hash than the known one; what was copied of it is removed.
        OutputError: A file cannot be written.
    """
    files = [file for file in known.files if not file.shipped]
    if not files:
        why = known.reason or "it comes with Oddflow"
        raise UsageError(f"{known.title} has no file to get: {why}")
    got = [_got(file, source, data, known, progress) for file in files]
    if all(one.verdict == "absent" for one in got):
        raise Unreadable(f"{shown(source)} has none of the files of {known.title}, like {files[0].path}")
    return got


def _got(file: File, source: str, data: Path, known: DataSet, progress: Progress | None) -> Got:
    target = data / file.path
    is_known = file.sha256 != UNKNOWN
    if target.is_file() and is_known and digest_of(target, progress).hexdigest() == file.sha256:
        return Got(file.path, "there", is_checked=True)
    ledger = Ledger("bytes")
    try:
        name, stream = _opened(file, source, target, ledger)
    except Unreadable as error:
        if target.is_file() and not is_known:
            return Got(file.path, "there", is_checked=False)
        if file.required:
            raise Unreadable(f"{error}; {known.title} is offered at {known.url}") from None
        return Got(file.path, "absent", is_checked=False)
    with closing(stream):
        _copy(stream, name, target, file, ledger, progress)
    return Got(file.path, "copied", is_checked=is_known)


def _opened(file: File, source: str, target: Path, ledger: Ledger) -> tuple[str, Closable]:
    """The file in the source: by its path, by the rest of its path, or by its name.

    Raises:
        Unreadable: It is not there.
    """
    parts = PurePosixPath(file.path).parts
    is_remote = is_url(source) and not is_local(source)
    why = ""
    for start in dict.fromkeys((0, 1, len(parts) - 1)):
        rest = "/".join(parts[start:])
        place = Path(local_path(source)) / rest
        if not is_remote and not place.is_file():
            continue
        if not is_remote and target.exists() and place.samefile(target):
            raise UsageError(f"{place} is the file itself; name another folder with --from")
        name = f"{source.rstrip('/')}/{rest}" if is_remote else str(place)
        try:
            return name, open_file(name, ledger)
        except Unreadable as error:
            why = f": {error}"
    raise Unreadable(f"{shown(source)} has no {file.path}, nor {parts[-1]}{why}")


def _copy(stream: Closable, name: str, target: Path, file: File, ledger: Ledger, progress: Progress | None) -> None:
    """Copies to a file of another name, which gets its own once the hash is right."""
    part = target.with_name(target.name + PART)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # what an earlier copy left; of a file without a known hash nothing says that it was the same file
        goes_on = part.is_file() and file.sha256 != UNKNOWN
        digest = digest_of(part, progress) if goes_on else hashlib.sha256()
        held = part.stat().st_size if goes_on else 0
        _skip(stream, held, name)
        with part.open("ab" if goes_on else "wb") as output:
            while piece := stream.read(PIECE_BYTES):
                output.write(piece)
                digest.update(piece)
                if progress:
                    progress(len(piece))
            output.flush()
            os.fsync(output.fileno())
        if ledger.damages:
            raise Unreadable(f"{ledger.damages[0]}. What was copied stays: the same command goes on there")
        if file.sha256 not in (UNKNOWN, digest.hexdigest()):
            part.unlink()
            raise InputError(
                f"{shown(name)} has the sha256 {digest.hexdigest()}, and {file.sha256} is known: it is another "
                "file, or was damaged; what was copied of it is removed"
            )
        part.replace(target)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written: {reason_of(error)}; make room, or choose another place. "
            "What was copied stays: the same command goes on there"
        ) from None


def _skip(stream: Closable, count: int, name: str) -> None:
    while count:
        piece = stream.read(min(count, PIECE_BYTES))
        if not piece:
            raise InputError(f"{shown(name)} is shorter than what was copied of it before; remove the {PART} file")
        count -= len(piece)
