"""What commands do that listen for NetFlow and IPFIX."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import live

if TYPE_CHECKING:
    from oddflow.sensor.sensor import MakeSink, Outcome

Address = Annotated[
    str | None,
    typer.Option(
        "--netflow",
        metavar="HOST:PORT",
        help="Listen on this UDP address for NetFlow v5, v9 and IPFIX until interrupted.",
        show_default=False,
        rich_help_panel=live.PANEL,
    ),
]


def refuse(*, promiscuous: bool, capture_filter: str) -> None:
    """Refuses options that go with an interface; raises UsageError."""
    from oddflow.errors import UsageError

    if promiscuous or capture_filter:
        raise UsageError("--promiscuous and --filter go with -i; leave them out where --netflow listens")


def collect(
    address: str,
    make_sink: "MakeSink",
    output: str | None,
    *,
    user: str | None,
    interval: float,
    metrics: str | None,
    duration: float,
    count: int,
) -> "Outcome":
    """Collects to the end, saying on standard error how it goes."""
    from oddflow.cli import console
    from oddflow.cli.files import stopped_by_signals
    from oddflow.logs.netflow.listening import ListeningSettings
    from oddflow.sensor.collection import Collection, CollectionSettings

    settings = CollectionSettings(
        address,
        ListeningSettings(duration_s=duration, most_records=count),
        user=user,
        interval_s=interval,
        metrics=metrics,
    )
    folder = Path(output).resolve().parent if output else None
    with stopped_by_signals() as stop:
        return Collection(settings, make_sink, folder=folder, say=live.say_with_time(console.say)).run(stop)
