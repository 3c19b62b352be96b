"""Options and words of the commands that listen on an interface."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import Privacy
    from oddflow.sensor.sensor import MakeSink, Outcome
    from oddflow.sensor.settings import SensorSettings

PANEL = "Live"

INTERFACE_HELP = "Listen on this network interface until interrupted."
Interface = Annotated[
    str | None, typer.Option("-i", "--interface", help=INTERFACE_HELP, show_default=False, rich_help_panel=PANEL)
]
Rotate = Annotated[
    float,
    typer.Option(
        "--rotate",
        metavar="SECONDS",
        min=0,
        help="Begin another table this often; 0 keeps to one.",
        rich_help_panel=PANEL,
    ),
]
Promiscuous = Annotated[
    bool, typer.Option("--promiscuous", help="Also take frames for other hosts.", rich_help_panel=PANEL)
]
Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="TEXT",
        help="Take only packets that match, like 'tcp port 443'; see pcap-filter(7). Needs libpcap.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
RingMemory = Annotated[
    int,
    typer.Option("--ring", metavar="KIB", help="Memory of each worker's ring in the kernel.", rich_help_panel=PANEL),
]
Snap = Annotated[
    int, typer.Option("--snap", metavar="BYTES", help="Bytes of a packet that are kept.", rich_help_panel=PANEL)
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="NAME",
        help="Run as this user once the interface is open. Who called sudo, the folder's owner or nobody unless given.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Interval = Annotated[
    float,
    typer.Option(
        "--interval", metavar="SECONDS", min=0, help="A line of statistics this often; 0 for none.",
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics", metavar="HOST:PORT", help="Answer Prometheus here.", show_default=False, rich_help_panel=PANEL
    ),
]
Packets = Annotated[
    int,
    typer.Option("--count", metavar="PACKETS", min=0, help="Stop after so many; 0 for no end.", rich_help_panel=PANEL),
]
RING_KIB = 65_536
SNAP_BYTES = 262_144
INTERVAL_S = 10.0


def check_may_capture(interface: str | None) -> None:
    """Tells who may not listen on an interface before kernels are loaded, which may take a while; raises UsageError."""
    from oddflow.capture.ring import packet_socket

    if interface is not None:
        packet_socket().close()


def sensor_settings(
    interface: str,
    *,
    promiscuous: bool,
    capture_filter: str,
    ring_kib: int,
    snap: int,
    user: str | None,
    interval: float,
    metrics: str | None,
    duration: float,
    count: int,
    workers: int = 1,
) -> "SensorSettings":
    """The options of a live command as the sensor takes them."""
    from oddflow.capture.ring import RingSettings
    from oddflow.sensor.settings import SensorSettings

    return SensorSettings(
        interface,
        RingSettings(ring_kib << 10, snap_bytes=snap, promiscuous=promiscuous),
        filter=capture_filter,
        workers=workers,
        user=user,
        interval_s=interval,
        metrics=metrics,
        duration_s=duration,
        most_packets=count,
    )


def run(settings: "SensorSettings", meter: "MeterSettings", make_sink: "MakeSink", output: str | None) -> "Outcome":
    """Runs a sensor to its end, saying on standard error how it goes."""
    from oddflow.cli import console
    from oddflow.sensor.sensor import Sensor

    folder = Path(output).resolve().parent if output else None
    return Sensor(settings, meter, make_sink, folder=folder, say=say_with_time(console.say)).run()


def end(outcome: "Outcome", source: dict[str, str], output: str | None, *, as_json: bool, strict: bool) -> None:
    """Says what a sensor or collector did, and ends with the exit code that fits; `source` is what it listened on."""
    from oddflow.amounts import count as count_of
    from oddflow.cli import console

    if as_json:
        found: dict[str, Any] = {
            **source, "flows": outcome.flows, "alerts": outcome.alerts, "output": output,
            "ledger": outcome.ledger.as_dict(),
        }  # fmt: skip
        console.print_json(found)
    else:
        alerts = f", {count_of(outcome.alerts, 'alert')}" if outcome.alerts else ""
        console.say(count_of(outcome.flows, "flow") + alerts + (f" in {output}" if output else ""))
        console.show_ledger(outcome.ledger)
    if outcome.died:
        raise typer.Exit(1)
    if strict and not outcome.ledger.complete:
        raise options.Lost


def say_with_time(say: Callable[[str], None]) -> Callable[[str], None]:
    """The same with the time before each line."""
    from datetime import UTC, datetime

    return lambda text: say(f"{datetime.now(UTC):%H:%M:%S} {text}")


def tables(output: str | None, *, rotate: float, limit: int, statistics: bool, privacy: "Privacy") -> "MakeSink":
    """Each worker writes a table of its own, or a series of them; without an output the first flows are shown."""
    from oddflow.amounts import count as count_of
    from oddflow.cli import console
    from oddflow.cli.tables import flow_line
    from oddflow.errors import UsageError
    from oddflow.files import check_place
    from oddflow.logs.table import TableWriter, table_of
    from oddflow.sensor.sink import EachBatch, TableSink

    if rotate and not output:
        raise UsageError("--rotate was given without -o; name the tables with it")
    if rotate and rotate < 1:
        raise UsageError(f"--rotate is {rotate:g}; expected 1 second or more")
    if output:
        TableWriter(output)  # refuses a name of no known format
        check_place(output)
    left = limit

    def show(flows: Any) -> None:
        nonlocal left
        for line in flow_line(privacy.apply(flows.slice(0, left))) if left else ():
            console.out.print(line, soft_wrap=True)
            left -= 1
            if not left:
                console.say(
                    f"{count_of(limit, 'flow')} shown, the others are counted only; -o writes all, --limit shows more"
                )

    def make_sink(place: Any, owner: Any) -> Any:
        if not output:
            return EachBatch(show)
        if rotate and owner is not None:
            raise UsageError(
                f"{owner.name} may make no files in {Path(output).resolve().parent}, so tables cannot follow each "
                "other there; choose a folder of that user, or another --user"
            )
        return TableSink(
            table_of(output, place.number, place.workers), rotate_s=rotate, owner=owner, statistics=statistics,
            privacy=privacy,
        )  # fmt: skip

    return make_sink
