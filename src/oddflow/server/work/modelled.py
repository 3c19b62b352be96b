"""Which model a source asks for now, and how it wants flows to be cut."""

from dataclasses import dataclass, replace
from pathlib import Path

from oddflow.errors import SchemaMismatch
from oddflow.features.portable import PORTABLE
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import Privacy
from oddflow.models.format import Archive, read_sealed
from oddflow.models.registry.registry import open_name
from oddflow.models.trust import Trust
from oddflow.server.settings.settings import Settings, SourceSection
from oddflow.verdicts.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Modelled:
    """A model that was found and checked.

    Attributes:
        path: Its file.
        called: "office@3", or the file.
        archive: What is in it; not ready to score yet.
        prepared: What it asks for.
    """

    path: str
    called: str
    archive: Archive
    prepared: Prepared

    @classmethod
    def of(cls, settings: Settings, source: SourceSection) -> "Modelled | None":
        """That of a source; None where none is asked for.

        Raises:
            OddflowError: It is not there, is none, is not trusted, or cannot judge such a source.
        """
        if not source.model:
            return None
        path, called = find(settings, source)
        archive = read_sealed(path)
        Trust.of([str(place) for place in settings.models.trust]).check(archive, called)
        prepared = Prepared.of(archive.manifest, privacy_of(source), source.home_networks or None)
        if source.kind == "netflow" and prepared.version != PORTABLE.version:
            raise SchemaMismatch(
                f"{called} was learnt on more than exporters tell, like payloads and packet lengths; learn one on what "
                "all sources know: `oddflow learn --portable`"
            )
        return cls(path, called, archive, prepared)


def find(settings: Settings, source: SourceSection) -> tuple[str, str]:
    """The file of a source's model as it is now, and what it is called.

    Raises:
        OddflowError: The registry has none such.
    """
    return open_name(source.model, settings.registry_folder)


def stamp(settings: Settings, source: SourceSection) -> tuple[int, ...]:
    """Changes whenever another model may be meant; cheap."""
    found: tuple[int, ...] = ()
    for path in (settings.registry_folder / "journal.jsonl", Path(source.model)):
        try:
            there = path.stat()
        except OSError:
            continue
        found += (there.st_mtime_ns, there.st_size, there.st_ino)
    return found


def privacy_of(source: SourceSection) -> Privacy:
    """What may be told of a source's flows.

    Raises:
        OddflowError: The key cannot be read.
    """
    key = str(source.pseudonymise) if source.pseudonymise else None
    return Privacy.of(payload=source.payload, key=key)


def meter_of(source: SourceSection, modelled: Modelled | None) -> MeterSettings:
    """How the flows of a source are cut."""
    settings = MeterSettings() if modelled is None else modelled.prepared.settings
    if not source.payload:
        settings = replace(settings, payload=Payload.NONE)
    return replace(settings, max_flows=source.max_flows)
