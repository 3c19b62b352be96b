"""`oddflow extract`: the packets of an alert, as a capture of their own."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="extract", help="Write the packets of one alert to a pcap file.")(extract)


def extract(
    alerts: Annotated[str, typer.Argument(help="Alerts that `detect -o` wrote.", show_default=False)],
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or its first letters.")],
    output: Annotated[str, typer.Option("-w", "--write", help="The pcap file to write.", show_default=False)],
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="The capture, where it has moved; a folder or, repeated, several files are read as one.",
            show_default=False,
        ),
    ] = None,
    tunnels: options.Tunnels = True,
    as_json: options.Json = False,
) -> None:
    """Reads the capture once more and keeps both directions of the flow, within its times."""
    from oddflow.capture.extraction import Wanted, extract_packets
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.logs.source import arrange, name_of
    from oddflow.losses import Ledger
    from oddflow.verdicts.record import find_alert

    alert = find_alert(alerts, alert_id)
    places = source or list(alert.captures) or [alert.source]
    if "-" in places:
        raise UsageError("the alert came from standard input; name the capture with --source")
    if not source and any("?…" in place for place in places):
        raise UsageError("what the URL's query held was not kept with the alert; give the URL again with --source")
    if not source and not alert.first_packet:
        raise UsageError(
            f"{places[0]} holds records, not packets; where a capture of that time was kept, name it with --source"
        )
    ledger = Ledger()
    capture = arrange(places, ledger, merge=True)[0]
    wanted = Wanted(
        (alert.src_ip, alert.src_port),
        (alert.dst_ip, alert.dst_port),
        alert.protocol,
        alert.start_ns,
        alert.end_ns,
        alert.first_packet,
        alert.first_capture,
    )
    written = extract_packets(capture, wanted, output, ledger, tunnels=tunnels)
    if as_json:
        console.print_json(
            {"packets": written, "expected": alert.packets, "source": name_of(capture), "output": output}
        )
    else:
        console.say(f"{written:,} packets of {alert.id} from {name_of(capture)} in {output}")
    for damage in ledger.damages:
        console.say(f"damaged: {damage}")
    if written != alert.packets:
        console.say(f"the alert counted {alert.packets:,}; is {name_of(capture)} the same capture?")
