"""`oddflow explain`: one alert in full."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from rich.text import Text

    from oddflow.models.rows import Floats
    from oddflow.models.sealed import SealedModel
    from oddflow.verdicts.alert import Alert
    from oddflow.verdicts.explaining.explanation import Explanation


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="explain", help="Tell all that is known of one alert, and what would make it normal.")(explain)


def explain(
    alerts: Annotated[str, typer.Argument(help="Alerts that `detect -o` wrote.", show_default=False)],
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or its first letters.")],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE…]",
            help="With -m: the capture, for alerts that do not hold what the model saw of the flow.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="The model that the alert was found with. It is asked what the score would be without each part, "
            "which normal flows are nearest, and what is the least that would make this one normal.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(
            "--report", "--html", help="With -m: write an HTML page that needs no network.", show_default=False
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Reasons, times, packet lengths, bytes and the Wireshark filter; with a model, how its verdict came about."""
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.verdicts.record import find_alert

    alert = find_alert(alerts, alert_id)
    if model is None:
        if report or sources:
            raise UsageError("--report and a capture go with the model that the alert was found with; name it with -m")
        if as_json:
            console.print_json(alert.as_dict())
        else:
            _show_alert(alert, alerts, None)
        return
    from oddflow.models.sealed import SealedModel
    from oddflow.verdicts.explaining import explaining

    options.check_report(report, [alerts, model, *(sources or [])])
    sealed = SealedModel.load(model)
    explanation = explaining.explain(alert, sealed, _row(alert, sealed, sources or []))
    if report:
        from oddflow.files import write_whole
        from oddflow.reports import explanation as page

        write_whole(report, page.render(explanation))
        console.say(f"page in {report}")
    if as_json:
        console.print_json(explanation.as_dict())
    else:
        _show_alert(alert, alerts, explanation)


def _row(alert: "Alert", model: "SealedModel", sources: list[str]) -> "Floats | None":
    """What the model saw, where it must be read anew."""
    from oddflow.errors import UsageError
    from oddflow.logs.source import arrange
    from oddflow.losses import Ledger
    from oddflow.verdicts.explaining.finding import row_in

    if alert.row or not sources:
        return None
    if alert.pseudonyms:
        raise UsageError(f"alert {alert.id} is under pseudonyms: its flow cannot be told in a capture that is not")
    return row_in(arrange(sources, Ledger()), alert, model)


def _show_alert(alert: "Alert", path: str, explanation: "Explanation | None") -> None:
    from shlex import quote

    from rich.text import Text

    from oddflow.amounts import seconds, size
    from oddflow.cli import console
    from oddflow.cli.tables import endpoint
    from oddflow.schema import protocol_name
    from oddflow.verdicts.alert import utc

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
    if explanation:
        show(*_explained(explanation))
    else:
        show("\nwhy")
        show(*(_bar(reason.share, reason.text) for reason in alert.reasons))
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
        "packets": f"oddflow extract {quote(path)} {alert.id} -w {alert.id}.pcap{of_capture}",
    }
    show("", *(console.plain(f"{name:<13} {text}") for name, text in places.items() if text))


def _bar(share: float, text: str) -> "Text":
    from rich.text import Text

    from oddflow.cli import console

    bar = "█" * max(1, round(20 * share))
    return Text.assemble((f"  {share:4.0%} ", "bold"), (f"{bar:<20} ", "red"), console.plain(text))


def _explained(it: "Explanation") -> "list[Text | str]":
    """What a model says of its verdict, line by line."""
    from oddflow.cli.console import plain

    lines: list[Text | str] = ["", plain(f"why, by {it.detector} {it.model}: {it.method}")]
    lines.append("→ is the score without it, and all above, as normal flows have them")
    for one in it.because:
        lines.append(_bar(one.share, f"{one.text}  → {one.score_without:.3g}"))
        lines.extend(plain(f"{'':27} {text}") for text in one.also)
    lines += [plain(f"{'':7}under {it.threshold:.3g} it is no alert"), ""]
    lines.append(plain(it.counterfactual.text or "nothing that was tried would make it normal"))
    if it.packets:
        lines += ["", "packets, by their share of the score"]
        for packet in sorted(it.packets, key=lambda packet: -packet.share)[:6]:
            way = "received" if packet.length_bytes < 0 else "sent"
            lines.append(_bar(packet.share, f"packet {packet.number}: {abs(packet.length_bytes):,} bytes {way}"))
    if it.nearest:
        lines += ["", "nearest normal flows"]
        for near in it.nearest:
            told = f"{near.distance:.2f} away, score {near.score:.3g}: {'; '.join(near.differs) or 'the same'}"
            lines.append(plain(f"  {told}"))
    if it.heat:
        lines += ["", plain(f"bytes that raise the score most, by lines of 16 ({it.heat_method})")]
        lines.extend(_bar(heat, f"bytes {place} to {place + 15}") for place, heat in _hottest(it.heat))
    lines.extend(plain(f"note: {remark}") for remark in it.remarks)
    return lines


def _hottest(heat: tuple[float, ...]) -> list[tuple[int, float]]:
    """The five lines of a dump with the most heat, and the mean of each."""
    lines = [(at, sum(heat[at : at + 16]) / len(heat[at : at + 16])) for at in range(0, len(heat), 16)]
    return sorted(lines, key=lambda line: -line[1])[:5]


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
