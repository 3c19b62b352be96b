"""Options that several commands share, declared once."""

from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE…",
        help="Captures (pcap, pcapng; also .gz, .zst), flow tables (.parquet, .arrow, .csv), or - for standard input.",
        show_default=False,
    ),
]
SourcesOrNone = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE…",
        help="Captures (pcap, pcapng; also .gz, .zst), flow tables (.parquet, .arrow, .csv), or - for standard input.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value to standard output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 where any part of the input was lost.")]
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
MaxFlows = Annotated[int, typer.Option("--max-flows", help="Most flows open at a time; about 1.6 KB each.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed and input, same model.")]


class Lost(typer.Exit):
    """Part of the input was lost, and --strict was given."""

    def __init__(self) -> None:
        super().__init__(3)
