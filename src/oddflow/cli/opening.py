"""A model that a person named, found, checked and loaded."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oddflow.models.format import Archive
    from oddflow.models.sealed import SealedModel


def find(model: str, registry: str | None) -> tuple[str, str]:
    """The file of a path or of a name in the registry, and what to call it."""
    from oddflow.cli import console
    from oddflow.models.registry.registry import open_name

    path, called = open_name(model, registry)
    if path != called:
        console.say(f"model {called}")
    return path, called


def read(path: str, trust: list[str] | None, called: str) -> "Archive":
    """The model file, checked, but not yet made ready to score; refused where a trusted key should have signed it."""
    from oddflow.models.format import read_sealed
    from oddflow.models.trust import Trust

    known = Trust.of(trust)
    archive = read_sealed(path)
    known.check(archive, called)
    return archive


def load(path: str, trust: list[str] | None, called: str) -> "SealedModel":
    """The model, ready to score."""
    from oddflow.errors import NotAModel
    from oddflow.models.sealed import SealedModel

    archive = read(path, trust, called)
    try:
        return SealedModel(archive)
    except NotAModel as error:
        raise NotAModel(f"{path}: {error}") from None
