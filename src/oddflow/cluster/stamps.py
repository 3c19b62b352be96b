"""What tells that a file is still the one that was read: its size, and when it was changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oddflow.capture.remote import file_at, files_under, is_local, is_remote_folder, is_url, local_path, shown
from oddflow.errors import Unreadable
from oddflow.files import reason_of

FEW = 4
"""Of so many remote files of a folder, each is asked for by itself; of more, the folder is listed."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as it is now.

    Attributes:
        bytes: Its size.
        mark: Its entity tag, or when it was changed; "" where nobody knows.
    """

    bytes: int
    mark: str


def stamps(places: Sequence[str]) -> dict[str, Stamp]:
    """The stamps of files, by their paths or URLs.

    Raises:
        Unreadable: One is gone, or may not be looked at.
    """
    found = {place: _local(place) for place in places if not _is_remote(place)}
    folders: dict[str, list[str]] = {}
    for place in places:
        if _is_remote(place):
            folders.setdefault(place.rsplit("/", 1)[0] + "/", []).append(place)
    for folder, inside in folders.items():
        if len(inside) > FEW and is_remote_folder(folder):
            listed = {file.url: Stamp(file.bytes, file.mark) for file in files_under(folder)}
            found |= {place: listed[place] for place in inside if place in listed}
        for place in inside:
            if place not in found:
                file = file_at(place)
                found[place] = Stamp(file.bytes, file.mark)
    return found


def _is_remote(place: str) -> bool:
    return is_url(place) and not is_local(place)


def _local(place: str) -> Stamp:
    try:
        status = Path(local_path(place)).stat()
    except (OSError, ValueError) as error:
        raise Unreadable(f"{shown(place)} cannot be looked at: {reason_of(error)}; check the path") from None
    return Stamp(status.st_size, str(status.st_mtime_ns))
