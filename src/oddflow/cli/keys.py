"""`oddflow keys`: the keys of pseudonyms, and those that models are signed with."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Make keys for --pseudonymise and for signing models, tell them apart, and look up pseudonyms.",
    )
    group.command(
        name="new",
        help="Make a key in a file that only its owner may read: 32 random bytes for --pseudonymise, or with "
        "--signing an Ed25519 key for `learn --sign`, and its public half in FILE.pub.",
    )(new)
    group.command(name="show", help="Tell what a key file holds, and the key's fingerprint.")(show)
    group.command(name="map", help="Tell the pseudonyms of addresses and networks, or what is behind them.")(look_up)
    app.add_typer(group, name="keys")


def new(
    path: Annotated[str, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    signing: Annotated[
        bool, typer.Option("--signing", help="Make a pair to sign models with: FILE, kept secret, and FILE.pub.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Makes a key; only its fingerprint is shown."""
    from oddflow.cli import console
    from oddflow.logs.keys import make_key

    if signing:
        from oddflow.models.signing_keys import PUBLIC, make_pair

        fingerprint = make_pair(path)
        if as_json:
            console.print_json({"key": path, "public_key": path + PUBLIC, "fingerprint": fingerprint})
        else:
            console.say(
                f"signing key {fingerprint} in {path}: keep it to yourself; give {path + PUBLIC} to those who "
                "use your models (--trust)"
            )
        return
    fingerprint = make_key(path)
    if as_json:
        console.print_json({"key": path, "fingerprint": fingerprint})
    else:
        console.say(f"key {fingerprint} in {path}: keep it; without it no pseudonym leads back, with it all do")


def show(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A key file, or a .pub file.")],
    as_json: options.Json = False,
) -> None:
    """Never shows a secret key itself."""
    from pathlib import Path

    from oddflow.cli import console
    from oddflow.errors import Unreadable
    from oddflow.files import reason_of
    from oddflow.logs import keys
    from oddflow.models import signing_keys
    from oddflow.models.signature import fingerprint_of

    try:
        with Path(path).open("rb") as file:
            start = file.read(signing_keys.MOST_BYTES)
    except OSError as error:
        raise Unreadable(f"the key {path} cannot be read: {reason_of(error)}") from None
    if b"PRIVATE KEY-----" in start:
        kind, fingerprint = "signing", fingerprint_of(signing_keys.read_signing_key(path).public_key)
    elif start.startswith(b"-----BEGIN"):
        kind, fingerprint = "public", fingerprint_of(signing_keys.read_public_key(path))
    else:
        kind, fingerprint = "pseudonyms", keys.fingerprint_of(keys.read_key(path))
    words = {
        "signing": "secret; signs models",
        "public": "may be given away; says whose models to take",
        "pseudonyms": "secret; for --pseudonymise",
    }
    if as_json:
        console.print_json({"key": path, "kind": kind, "fingerprint": fingerprint})
    else:
        console.out.print(console.plain(f"{fingerprint}  {words[kind]}"), soft_wrap=True)


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
