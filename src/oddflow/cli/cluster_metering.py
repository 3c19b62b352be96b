"""What `flows` and `detect` do with --ray: the same, on the processes of this machine or on a cluster."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.cli.files import Told
    from oddflow.cluster.folder import Stored
    from oddflow.cluster.streaming import Reader
    from oddflow.flows.settings import MeterSettings

Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS|local",
        help="Spread the work over Ray: local starts processes here, HOST:PORT joins a cluster. The "
        "flows are the same as without.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="With --ray: tasks at a time; as many as there are processors unless given.",
        show_default=False,
    ),
]  # fmt: skip
TABLES = (".parquet", ".arrow", ".csv")


def check_given(address: str | None, workers: int | None, model: str | None) -> None:
    """Refuses, before the work begins, what means nothing together.

    Raises:
        UsageError: --workers without --ray, or --ray without a model.
    """
    from oddflow.errors import UsageError

    if workers is not None and address is None:
        raise UsageError("--workers goes with --ray; give both, or leave it out")
    if address is not None and model is None:
        raise UsageError(
            "without a model, sources are read twice and by one machine; learn one (`oddflow learn`) and name it with "
            "-m, or leave --ray out"
        )


@contextmanager
def reader(address: str | None, workers: int | None) -> Iterator["Reader | None"]:
    """What reads sources on a cluster; None where none was asked for.

    Raises:
        UsageError: The extra is not installed, or the address is none.
        ClusterFailed: No Ray answers.
    """
    if address is None:
        yield None
        return
    from oddflow.cli.extras import need_cluster

    need_cluster()
    from oddflow.cluster.starting import cluster
    from oddflow.cluster.streaming import Reader

    with cluster(address, workers) as started:
        yield Reader(started)


def meter_files(
    given: Sequence[str], cut: "MeterSettings", told: "Told", *, merge: bool, address: str, workers: int | None
) -> None:
    """Meters sources on a cluster, to a folder that is kept up to date, or to one table."""
    from oddflow.cli.extras import need_cluster

    need_cluster()
    if told.output is None or told.output.endswith(TABLES):
        _to_table(given, cut, told, merge=merge, address=address, workers=workers)
        return
    from oddflow.cli import console
    from oddflow.cluster.folder import FlowFolder
    from oddflow.cluster.place import Place
    from oddflow.cluster.starting import cluster

    place = Place.of(told.output)
    with cluster(address, workers) as started, console.reading(given, "metering") as progress:
        folder = FlowFolder(started, place, settings=cut, privacy=told.privacy, statistics=told.statistics)
        stored = folder.update(given, merge=merge, progress=progress)
    _end(told, stored, place.name)
    if not stored.flows:
        raise stored.ledger.nothing_metered([source.name for source in stored.sources])
    if told.strict and not stored.ledger.complete:
        raise options.Lost


def _to_table(
    given: Sequence[str], cut: "MeterSettings", told: "Told", *, merge: bool, address: str, workers: int | None
) -> None:
    from oddflow.cli import console
    from oddflow.cli.files import Shown, end, refuse_sources, writer
    from oddflow.logs.source import Fingerprint, arrange, name_of
    from oddflow.losses import Ledger

    ledger = Ledger()
    tables = [told.output] if told.output else []
    refuse_sources(given, tables)
    shown = Shown(told.limit)
    with reader(address, workers) as on, ExitStack() as stack:
        sources = arrange(given, ledger, merge=merge)
        seen = [Fingerprint(name_of(source), hashed=False) for source in sources]
        take: Any = stack.enter_context(writer(tables[0], told)).write if tables else shown.take
        progress = stack.enter_context(console.reading(given, "metering"))
        for source, fingerprint in zip(sources, seen, strict=True):
            assert on is not None  # noqa: S101  (an address was given)
            for batch in on.read(
                source, ledger, settings=cut, seen=fingerprint, progress=progress, privacy=told.privacy
            ):
                take(batch)
    end(told, tables, seen, ledger, shown.batches)
    if not any(fingerprint.flows for fingerprint in seen):
        raise ledger.nothing_metered([fingerprint.name for fingerprint in seen])
    if told.strict and not ledger.complete:
        raise options.Lost


def _end(told: "Told", stored: "Stored", folder: str) -> None:
    from oddflow.amounts import count as count_of
    from oddflow.cli import console

    if told.as_json:
        console.print_json(
            {
                "flows": stored.flows,
                "output": folder,
                "sources": [
                    {
                        "name": source.name,
                        "bytes": sum(capture.bytes for capture in source.captures),
                        "flows": source.flows,
                        "captures": len(source.captures),
                        "done": str(stored.outcomes[source.name]),
                    }
                    for source in stored.sources
                ],
                "ledger": stored.ledger.as_dict(),
            }
        )
        return
    for outcome in dict.fromkeys(stored.outcomes.values()):
        many = sum(known is outcome for known in stored.outcomes.values())
        console.say(f"{count_of(many, 'source')} {outcome}")
    console.say(f"{count_of(stored.flows, 'flow')} in {folder}")
    console.show_ledger(stored.ledger)
