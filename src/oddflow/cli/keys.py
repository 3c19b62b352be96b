"""`oddflow keys`: the keys of pseudonyms."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True, help="Make keys for --pseudonymise, and look up pseudonyms with them.")
    group.command(name="new", help="Make a key: 32 random bytes in a file that only its owner may read.")(new)
    group.command(name="map", help="Tell the pseudonyms of addresses and networks, or what is behind them.")(look_up)
    app.add_typer(group, name="keys")


def new(
    path: Annotated[str, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    as_json: options.Json = False,
) -> None:
    """Makes a key; only its fingerprint is shown."""
    from oddflow.cli import console
    from oddflow.logs.keys import make_key

    fingerprint = make_key(path)
    if as_json:
        console.print_json({"key": path, "fingerprint": fingerprint})
    else:
        console.say(f"key {fingerprint} in {path}: keep it; without it no pseudonym leads back, with it all do")


def look_up(
    path: Annotated[str, typer.Argument(metavar="KEYFILE", help="The key.")],
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="Addresses, or networks like 10.0.0.0/8.")],
    back: Annotated[bool, typer.Option("--back", help="From pseudonyms to what they stand for.")] = False,
    as_json: options.Json = False,
) -> None:
    """Maps addresses and networks, there or back."""
    from oddflow.cli import console
    from oddflow.logs.pseudonyms import Pseudonyms

    pseudonyms = Pseudonyms.read(path)
    way = pseudonyms.networks_back if back else pseudonyms.networks
    found = {
        text: mapped if "/" in text else mapped.partition("/")[0]
        for text, mapped in zip(addresses, way(tuple(addresses)), strict=True)
    }
    if as_json:
        console.print_json(found)
        return
    for text, mapped in found.items():
        console.out.print(console.plain(f"{text}  {mapped}"), soft_wrap=True)
