"""Sealed models of the registry, read for what they say of themselves; a few are kept."""

from functools import lru_cache
from pathlib import Path

from oddflow.models.card import Card
from oddflow.models.format import read_sealed
from oddflow.models.manifest import Manifest
from oddflow.models.registry.named import Version
from oddflow.models.registry.registry import Registry

MOST_KEPT = 32


def told_by(registry: Registry, version: Version) -> tuple[Manifest, Card | None]:
    """What a version's file says it is.

    Raises:
        BrokenRegistry, Tampered, NotAModel: It is not what was added.
    """
    place = registry.place_of(version)
    if not place.is_file():
        registry.check(version)  # says what is wrong
    return _read(place, version.sha256)


@lru_cache(MOST_KEPT)
def _read(place: Path, sha256: str) -> tuple[Manifest, Card | None]:  # noqa: ARG001
    archive = read_sealed(place)
    return archive.manifest, archive.card
