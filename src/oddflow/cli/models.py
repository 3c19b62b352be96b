"""`oddflow models`: sealed models under names and in versions; signing them, and attaching what was measured."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options, shadow

if TYPE_CHECKING:
    from oddflow.models.registry.journal import Event
    from oddflow.models.registry.named import Named, Version

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the model is called in the registry.")]
Number = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Which version.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the journal.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="A model that `learn` sealed.")]
Output = Annotated[
    str | None, typer.Option("-o", "--output", help="Write it here; FILE itself unless given.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Keep models under names, in versions: `detect -m office` then means the one that was promoted. Nothing "
        "is lost: promote, rollback and who did it are in a journal. Also: sign a model, attach an evaluation.",
    )
    group.command(name="list", help="List names, their versions, and which is active.")(list_)
    group.command(name="show", help="Show one name: versions, what each is, and all that happened to it.")(show)
    group.command(name="add", help="Check a model file and add it as the next version of a name.")(add)
    group.command(
        name="shadow",
        help="Let a candidate score beside the active version on the same traffic, and say which to keep.",
    )(shadow.shadow)
    group.command(name="promote", help="Make a version the active one; it must have been seen beside it.")(promote)
    group.command(name="rollback", help="Make the version active again that was so before.")(rollback)
    group.command(name="remove", help="Take away a version that is not active.")(remove)
    group.command(name="sign", help="Sign a model file: whoever has the public key can tell that it is yours.")(sign)
    group.command(name="card", help="Attach the tables of an `oddflow evaluate -o` result to a model file.")(card)
    app.add_typer(group, name="models")


def list_(registry: options.Registry = None, as_json: options.Json = False) -> None:
    """A name a line."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.models.registry.registry import Registry

    known = Registry(registry)
    names = known.names()
    if as_json:
        console.print_json({"registry": str(known.folder), "models": [_named(named) for named in names.values()]})
        return
    if not names:
        console.say(f"no models in {known.folder}; add one with `oddflow models add FILE --name NAME`")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("name", "active", "detector", "fingerprint", "signed by", "versions"):
        table.add_column(head)
    for named in names.values():
        active = named.active
        told = active.added if active else None
        cells = (
            named.name,
            str(active.number) if active else "none",
            told.detector if told else "",
            told.fingerprint if told else "",
            (told.signer or "nobody")[:12] if told else "",
            ", ".join(map(str, named.versions)) or "none",
        )
        table.add_row(*map(console.plain, cells))
    console.out.print(table)


def show(name: Name, registry: options.Registry = None, as_json: options.Json = False) -> None:
    """Versions, then the journal of that name."""
    from oddflow.cli import console
    from oddflow.models.registry.registry import Registry

    named = Registry(registry).named(name)
    if as_json:
        console.print_json(_named(named) | {"events": [_told(event) for event in named.events]})
        return
    for version in named.versions.values():
        mark = "active" if version is named.active else ""
        added = version.added
        console.out.print(
            console.plain(
                f"{named.name}@{version.number:<4} {mark:<7} {added.detector}, fingerprint {added.fingerprint}, signed "
                f"by {added.signer or 'nobody'}, added {added.at} from {added.file}"
            ),
            soft_wrap=True,
        )
    for event in named.events:
        console.out.print(console.plain(f"  {_line(event)}"), soft_wrap=True)


def add(
    file: File,
    name: Annotated[
        str, typer.Option("--name", help="What to call it: like office. The file's name unless given.")
    ] = "",
    reason: Reason = "",
    trust: options.Trust = None,
    registry: options.Registry = None,
    as_json: options.Json = False,
) -> None:
    """Checked as if it were to be used; it is not active before it is promoted."""
    from pathlib import Path

    from oddflow.cli import console, opening
    from oddflow.models.format import pack
    from oddflow.models.registry.registry import Registry

    model = opening.load(file, trust, file)
    signature = model.archive.signature
    told = {
        "fingerprint": model.fingerprint,
        "detector": model.manifest.detector,
        "signer": signature.signer if signature else "",
    }
    called = name or Path(file).stem.lower()
    version = Registry(registry).add(
        pack(model.archive), told, name=called, file=str(Path(file).resolve()), reason=reason
    )
    if as_json:
        console.print_json(_version(version))
    else:
        console.say(f"{called}@{version.number} is {model.manifest.detector}, fingerprint {model.fingerprint}")
        console.say(f"next: oddflow models promote {called} {version.number}")


def promote(
    name: Name,
    version: Number,
    reason: Reason = "",
    force: Annotated[
        bool, typer.Option("--force", help="Although it was never seen beside the active version (`models shadow`).")
    ] = False,
    registry: options.Registry = None,
    as_json: options.Json = False,
) -> None:
    """From now on, the name alone means this version; commands that run already go on with theirs."""
    from oddflow.models.registry.registry import Registry

    _say(Registry(registry).promote(name, version, reason=reason, force=force), as_json=as_json)


def rollback(name: Name, reason: Reason = "", registry: options.Registry = None, as_json: options.Json = False) -> None:
    """Each time one step further back."""
    from oddflow.models.registry.registry import Registry

    _say(Registry(registry).rollback(name, reason=reason), as_json=as_json)


def remove(name: Name, version: Number, reason: Reason = "", registry: options.Registry = None) -> None:
    """Its number is not used again; the journal keeps what it was."""
    from oddflow.cli import console
    from oddflow.models.registry.registry import Registry

    Registry(registry).remove(name, version, reason=reason)
    console.say(f"{name}@{version} was removed")


def sign(
    file: File,
    key: Annotated[str, typer.Option("--key", metavar="KEYFILE", help="See `oddflow keys new --signing`.")],
    output: Output = None,
    licence: Annotated[str, typer.Option("--licence", metavar="TEXT", help="Say who may use it.")] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Say what its users should know.")] = "",
) -> None:
    """Scores and alert ids stay; a signature that is there is replaced."""
    from oddflow.cli import console, opening
    from oddflow.models.format import write_sealed
    from oddflow.models.signing_keys import read_signing_key
    from oddflow.models.stamp import Stamp

    stamped = Stamp(licence, note, read_signing_key(key)).on(opening.load(file, [], file).archive)
    write_sealed(output or file, stamped)
    if stamped.signature is not None:
        console.say(f"{output or file} is signed by {stamped.signature.signer}")


def card(
    file: File,
    result: Annotated[str, typer.Argument(metavar="RESULT.json", help="What `oddflow evaluate -o` wrote.")],
    output: Output = None,
) -> None:
    """A signature no longer holds then, and is taken off: sign the model afterwards."""
    from oddflow.cli import console, opening
    from oddflow.evaluation.sealed_card import card_of
    from oddflow.models.format import with_card, write_sealed

    archive = opening.load(file, [], file).archive
    made = card_of(result, archive.manifest.detector)
    write_sealed(output or file, with_card(archive, made))
    rows = sum(len(table.rows) for table in made.tables)
    console.say(f"{output or file} has a card of {rows} rows; of them of its detector: {_own(made)}")
    if archive.signature is not None:
        console.say("its signature was taken off, for the model is another now: sign it again (`oddflow models sign`)")


def _own(made: Any) -> int:
    return sum(row.own for table in made.tables for row in table.rows)


def _say(event: "Event", *, as_json: bool) -> None:
    from oddflow.cli import console

    if as_json:
        console.print_json(_told(event))
    else:
        console.say(f"{event.name}@{event.version} is active")


def _named(named: "Named") -> dict[str, Any]:
    return {
        "name": named.name,
        "active": named.active.number if named.active else None,
        "previous": named.previous.number if named.previous else None,
        "versions": [_version(version) for version in named.versions.values()],
    }


def _version(version: "Version") -> dict[str, Any]:
    added = version.added
    return {
        "version": version.number,
        "sha256": added.sha256,
        "fingerprint": added.fingerprint,
        "detector": added.detector,
        "signer": added.signer or None,
        "added": added.at,
        "by": added.by,
        "file": added.file,
        "shadows": len(version.shadows),
    }


def _told(event: "Event") -> dict[str, Any]:
    return event.model_dump(mode="json", exclude_defaults=True, exclude={"before"})


def _line(event: "Event") -> str:
    forced = ", forced" if event.forced else ""
    found = f": {event.found.get('recommendation', '')}" if event.found else ""
    reason = f" ({event.reason})" if event.reason else ""
    return f"{event.at} {event.by}: {event.what.value} {event.name}@{event.version}{forced}{found}{reason}"
