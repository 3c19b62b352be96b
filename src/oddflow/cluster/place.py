"""Where results are put: a folder that all workers reach, or a URL; whatever has its name there is whole."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from oddflow.capture.remote import filesystem_of, is_local, is_url, local_path, shown
from oddflow.errors import OddflowError, OutputError, Unreadable
from oddflow.files import reason_of, whole_file


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or URL, and files in it by names like `date=2024-10-04/hour=00/1.parquet`.

    Attributes:
        root: The folder's path, or the URL.
    """

    root: str

    @classmethod
    def of(cls, output: str) -> "Place":
        """What a person named; a `file://` URL is a path."""
        return cls((output if is_url(output) and not is_local(output) else local_path(output)).rstrip("/") or "/")

    @property
    def name(self) -> str:
        """What to call it, without secrets."""
        return shown(self.root)

    def put(self, name: str, content: bytes) -> None:
        """Puts a file there, whole; what had its name before is replaced.

        Raises:
            OutputError: It cannot be written.
        """
        if not self._is_remote:
            path = Path(self.root, name)
            with self._told():
                path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(str(path)) as file:
                file.write(content)
            return
        with self._told():
            filesystem, path_there = filesystem_of(f"{self.root}/{name}")
            filesystem.pipe_file(path_there, content)

    def get(self, name: str) -> bytes | None:
        """A file's content; None where there is none.

        Raises:
            Unreadable: It cannot be read.
        """
        try:
            if not self._is_remote:
                return Path(self.root, name).read_bytes()
            filesystem, path_there = filesystem_of(f"{self.root}/{name}")
            return bytes(filesystem.cat_file(path_there))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OddflowError:
            raise
        except Exception as error:  # noqa: BLE001  (each protocol has errors of its own)
            raise Unreadable(f"{self.name}/{name} cannot be read: {_reason(error)}") from None

    def delete(self, name: str) -> None:
        """Deletes a file, if it is there; one that cannot be deleted stays."""
        if not self._is_remote:
            with suppress(OSError):
                Path(self.root, name).unlink()
            return
        with suppress(Exception):
            filesystem, path_there = filesystem_of(f"{self.root}/{name}")
            filesystem.rm_file(path_there)

    def names(self) -> list[str]:
        """The names of all files there, sorted; none where the folder is not there yet.

        Raises:
            OutputError: It is no folder, or cannot be listed.
        """
        with self._told():
            if not self._is_remote:
                root = Path(self.root)
                if root.exists() and not root.is_dir():
                    raise OutputError(f"{self.name} is a file; name a folder")
                return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
            filesystem, path_there = filesystem_of(f"{self.root}/")
            base = path_there.rstrip("/") + "/"
            try:
                return sorted(found.removeprefix(base) for found in filesystem.find(path_there))
            except FileNotFoundError:
                return []

    @property
    def _is_remote(self) -> bool:
        return is_url(self.root)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OddflowError:
            raise
        except Exception as error:  # noqa: BLE001  (each protocol has errors of its own)
            raise OutputError(f"{self.name} cannot be written: {_reason(error)}; choose another place") from None


def _reason(error: Exception) -> str:
    said = reason_of(error).strip().splitlines() or [type(error).__name__]
    return shown(said[0])
