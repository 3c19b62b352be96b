"""What `oddflow watch` does with a source that grows."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from oddflow.flows.settings import MeterSettings
    from oddflow.sensor.sensor import MakeSink, Outcome


Source = Annotated[
    str | None,
    typer.Argument(
        metavar="[SOURCE]",
        help="A capture or a log (Zeek's conn.log) that grows, or a folder of them: it is followed until interrupted.",
        show_default=False,
    ),
]


def refuse(*, promiscuous: bool, capture_filter: str, metrics: str | None, count: int) -> None:
    """Refuses options that a source that grows has no use for."""
    from oddflow.errors import UsageError

    given = {
        "--promiscuous": promiscuous, "--filter": bool(capture_filter), "--metrics": metrics is not None,
        "--count": bool(count),
    }  # fmt: skip
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} goes with -i or --netflow; leave it out where a file is followed")


def follow(source: str, make_sink: "MakeSink", cut: "MeterSettings", *, duration: float) -> "Outcome":
    """Follows a capture or a log to the end, its flows handed to a sink."""
    from contextlib import closing

    from oddflow.cli.files import stopped_by_signals
    from oddflow.logs.source import follow_flows
    from oddflow.losses import Ledger
    from oddflow.sensor.pursuit import pursue
    from oddflow.sensor.sensor import Outcome
    from oddflow.sensor.worker import Place

    ledger = Ledger()
    with stopped_by_signals() as stop:
        sink = make_sink(Place(0, 1), None)
        batches = follow_flows(source, ledger, stop=stop, duration_s=duration, settings=cut, companion=sink.companion)
        with closing(batches):  # type: ignore[type-var]
            flows = pursue(batches, sink)
    return Outcome(ledger, flows, sink.alerts)
