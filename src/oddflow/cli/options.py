"""Options that several commands share, declared once."""

from collections.abc import Sequence
from typing import Annotated

import typer

from oddflow.flows.settings import Payload

SOURCES_HELP = (
    "Captures (pcap, pcapng; also .gz, .zst; a URL; a folder is one capture), logs (Zeek's conn.log, "
    "or a folder of them), flow tables (.parquet, .arrow, .csv), or - for standard input."
)
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE…",
        help=SOURCES_HELP,
        show_default=False,
    ),
]
SourcesOrNone = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE…",
        help=SOURCES_HELP,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value to standard output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 where any part of the input was lost.")]
Fdr = Annotated[
    float | None,
    typer.Option(
        "--fdr",
        help="Instead: the share of normal flows among those shown, like 0.1 (online false discovery rate, LORD++). "
        "It needs a long baseline: what it shows first must be rarer than one in tens of thousands.",
        show_default=False,
    ),
]
Merge = Annotated[
    bool,
    typer.Option("--merge", help="Read all captures as one, in the order of time: rotated files, or several taps."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Workers that share the packets; 1 unless given. Each writes a table of its own: flows.0.parquet, "
        "flows.1.parquet, … With --ray they write one folder; as many as there are processors unless given.",
        show_default=False,
    ),
]
Duration = Annotated[float, typer.Option("--duration", metavar="SECONDS", min=0, help="Stop after this; 0 for no end.")]
HomeNet = Annotated[
    list[str] | None,
    typer.Option(
        "--home-net",
        metavar="NETWORK",
        help="A network of yours, like 10.0.0.0/8; may be repeated. The model's or the private ranges unless given.",
        show_default=False,
    ),
]
IdleTimeout = Annotated[
    float, typer.Option("--idle-timeout", metavar="SECONDS", help="A silent TCP flow ends after this.")
]
DatagramTimeout = Annotated[
    float, typer.Option("--datagram-timeout", metavar="SECONDS", help="Any other silent flow ends after this.")
]
ActiveTimeout = Annotated[
    float, typer.Option("--active-timeout", metavar="SECONDS", help="A long flow is cut after this, and goes on.")
]
MaxFlows = Annotated[int, typer.Option("--max-flows", help="Most flows open at a time; about 2 KB each.")]
MaxGroups = Annotated[
    int,
    typer.Option(
        "--max-groups",
        help="With a model: most groups of flows (scans, floods, …) remembered at a time, a power of two; about 0.2 KB "
        "each.",
    ),
]
Early = Annotated[
    int,
    typer.Option(
        "--early",
        metavar="N",
        min=0,
        help="Give a flow's record at its Nth packet too; the final one follows. 0: never.",
    ),
]
KeptPayload = Annotated[
    Payload,
    typer.Option(
        "--payload",
        help="First payload bytes to keep: of both directions together (session) or apart (flow); as whole packets "
        "with their addresses zeroed (…-frames); or none.",
    ),
]
NoPayload = Annotated[
    bool,
    typer.Option(
        "--no-payload",
        help="Keep no byte of what was said, not even in memory. Names that were read on the way (servers, DNS) stay; "
        "--pseudonymise covers them.",
    ),
]
Pseudonymise = Annotated[
    str | None,
    typer.Option(
        "--pseudonymise",
        metavar="KEYFILE",
        help="Put pseudonyms for addresses (networks stay networks), names and identifiers, and show no payload; see "
        "`oddflow keys new`.",
        show_default=False,
    ),
]
Intelligence = Annotated[
    str | None,
    typer.Option(
        "--intelligence",
        metavar="FOLDER",
        help="Mark alerts whose ends are in lists of addresses, networks, domains or JA4s: .txt, .csv, STIX .json.",
        show_default=False,
    ),
]
GeoIp = Annotated[
    str | None,
    typer.Option(
        "--geoip",
        metavar="FILE",
        help="Tell the countries of addresses, from a local database (.mmdb).",
        show_default=False,
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="PUBKEY",
        help="Take only a model that this key signed: a .pub file, or a folder of them; may be repeated. Those of "
        "ODDFLOW_TRUST unless given; without any, models need no signature.",
        show_default=False,
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR",
        help="The folder that names like office or office@3 are looked up in (see `oddflow models`); ODDFLOW_REGISTRY, "
        "or one of your own, unless given.",
        show_default=False,
    ),
]
Tunnels = Annotated[
    bool,
    typer.Option(" /--no-tunnels", help="Meter tunnels themselves, not the packets inside them."),
]
Feedback = Annotated[
    str | None,
    typer.Option(
        "--feedback",
        metavar="FILE",
        help="What people said of alerts (see `oddflow feedback`): alerts like benign ones are hidden and counted, "
        "alerts like malicious ones always shown, and the threshold moves with both.",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="FOLDER", help="The folder of all data sets; ODDFLOW_DATA unless given.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed and input, same model.")]


def check_report(report: str | None, read: Sequence[str]) -> None:
    """Refuses, before the work begins, a place that no page can be written to, or that is read or written besides.

    Raises:
        UsageError, OutputError: It cannot.
    """
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file

    if not report:
        return
    check_place(report)
    if any(report == place or same_file(report, place) for place in read):
        raise UsageError(f"{report} is read or written besides; give the page another name")


class Lost(typer.Exit):
    """Part of the input was lost, and --strict was given."""

    def __init__(self) -> None:
        super().__init__(3)


def check_budget(budget: str | None, false_alarm_rate: float | None, fdr: float | None) -> None:
    """Refuses more than one way to say how much is shown."""
    from oddflow.errors import UsageError

    named = {"--budget": budget, "--false-alarm-rate": false_alarm_rate, "--fdr": fdr}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1:
        both = " and ".join(given) if len(given) == 2 else ", ".join(given)
        raise UsageError(f"{both} were {'both' if len(given) == 2 else 'all'} given; give one")
