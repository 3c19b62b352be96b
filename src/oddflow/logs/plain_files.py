"""Sources that other libraries and programs can open by themselves."""

from pathlib import Path

from oddflow.capture.remote import local_path


def plain_path(source: str, first: bytes) -> str | None:
    """The path of a source that is a local file and not compressed; None for others.

    Args:
        source: A path, a URL or `-`.
        first: Its first plain bytes.
    """
    if source == "-":
        return None
    path = Path(local_path(source)).absolute()
    try:
        with path.open("rb") as file:
            return str(path) if file.read(len(first)) == first else None
    except (OSError, ValueError):
        return None
