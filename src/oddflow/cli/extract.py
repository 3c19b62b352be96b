"""`oddflow extract`: the packets of an alert, as a capture of their own."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.logs.pseudonyms import Pseudonyms
    from oddflow.logs.source import Source
    from oddflow.verdicts.alert import Alert


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
    pseudonymise: Annotated[
        str | None,
        typer.Option(
            "--pseudonymise",
            metavar="KEYFILE",
            help="The key of the alert's pseudonyms, where it is under any.",
            show_default=False,
        ),
    ] = None,
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
    key = _key(alert, pseudonymise)
    if key and not source:
        raise UsageError("the alert names its capture by a pseudonym; name the capture with --source")
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
        (_address(alert.src_ip, key), alert.src_port),
        (_address(alert.dst_ip, key), alert.dst_port),
        alert.protocol,
        alert.start_ns,
        alert.end_ns,
        alert.first_packet,
        _first_capture(alert, capture, key),
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


def _key(alert: "Alert", path: str | None) -> "Pseudonyms | None":
    """What leads from an alert's pseudonyms back; None where it has none."""
    from oddflow.errors import UsageError
    from oddflow.logs.pseudonyms import Pseudonyms

    if not alert.pseudonyms:
        return None
    if path is None:
        raise UsageError(
            f"the alert is under pseudonyms, and packets are not; give their key, {alert.pseudonyms}, "
            "with --pseudonymise KEYFILE"
        )
    found = Pseudonyms.read(path)
    if found.fingerprint != alert.pseudonyms:
        raise UsageError(f"{path} is the key {found.fingerprint}, and the alert's is {alert.pseudonyms}; give that one")
    return found


def _address(text: str, key: "Pseudonyms | None") -> str:
    try:
        return key.address_back(text) if key else text
    except ValueError:
        return text  # whoever looks for its packets says what is wrong


def _first_capture(alert: "Alert", capture: "Source", key: "Pseudonyms | None") -> str:
    """The file that the alert's packet number is counted in."""
    from oddflow.capture.capture_set import CaptureSet

    if key and isinstance(capture, CaptureSet):
        return next((name for name in capture.names if key.token(name) == alert.first_capture), "")
    return alert.first_capture
