"""`oddflow explain`: one alert in full."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="explain", help="Tell all that is known of one alert.")(explain)


def explain(
    alerts: Annotated[str, typer.Argument(help="Alerts that `detect -o` wrote.", show_default=False)],
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or its first letters.")],
    as_json: options.Json = False,
) -> None:
    """Reasons, times, packet lengths, bytes and the Wireshark filter."""
    from shlex import quote

    from rich.text import Text

    from oddflow.amounts import seconds, size
    from oddflow.cli import console
    from oddflow.cli.tables import endpoint
    from oddflow.schema import protocol_name
    from oddflow.verdicts.alert import utc
    from oddflow.verdicts.record import find_alert

    alert = find_alert(alerts, alert_id)
    if as_json:
        console.print_json(alert.as_dict())
        return

    def show(*lines: Text | str) -> None:
        # never wrapped: a line is copied to Wireshark or a shell
        for line in lines:
            console.out.print(line, soft_wrap=True)

    show(
        console.plain(
            f"{alert.id}  {endpoint(alert.src_ip, alert.src_port)} → "
            f"{endpoint(alert.dst_ip, alert.dst_port)}  {protocol_name(alert.protocol)}"
        )
    )
    show(console.plain(f"score {alert.score:.4g}: {alert.rarity}{f'; {alert.chance}' if alert.chance else ''}"))
    show(
        console.plain(
            f"{utc(alert.start_ns)}, {seconds((alert.end_ns - alert.start_ns) / 1e9)}, "
            f"{alert.packets:,} packets, {size(alert.size_bytes)}"
        )
    )
    show("\nwhy")
    for reason in alert.reasons:
        bar = "█" * max(1, round(20 * reason.share))
        show(Text.assemble((f"  {reason.share:4.0%} ", "bold"), (f"{bar:<20} ", "red"), console.plain(reason.text)))
    if alert.first_packet:
        show("\npacket lengths, ← from the responder")
        show(Text("  " + " ".join(f"←{-length}" if length < 0 else str(length) for length in alert.lengths)))
        show(f"\nfirst payload bytes ({len(alert.payload)} kept)")
        for line in hex_lines(alert.payload[:128]):
            show(Text("  " + line))
    of_capture = "" if alert.first_packet and not alert.pseudonyms else " --source CAPTURE.pcap"
    of_capture += " --pseudonymise KEYFILE" if alert.pseudonyms else ""
    places = {
        "likeliest": alert.likeliest,
        "source says": alert.label,
        "record": f"{alert.record_id} in {alert.source}" if alert.record_id else "",
        "Community ID": alert.community_id,
        "Wireshark": alert.wireshark_filter,
        "packets": f"oddflow extract {quote(alerts)} {alert.id} -w {alert.id}.pcap{of_capture}",
    }
    show("", *(console.plain(f"{name:<13} {text}") for name, text in places.items() if text))


def hex_lines(data: bytes) -> list[str]:
    """Sixteen bytes a line: offset, hexadecimal, ASCII.

    >>> hex_lines(b"GET /")
    ['0000  47 45 54 20 2f                                   GET /']
    """
    return [
        f"{at:04x}  {data[at : at + 16].hex(' '):<47}  "
        + "".join(chr(b) if 32 <= b < 127 else "." for b in data[at : at + 16])
        for at in range(0, len(data), 16)
    ]
