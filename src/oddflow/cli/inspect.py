"""`oddflow inspect`: what a sealed model says of itself, checked."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.models.card import Card
    from oddflow.models.manifest import Manifest, Training
    from oddflow.models.sealed import SealedModel

_FIGURES = 4


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="inspect", help="Check a sealed model and show how it was made.")(inspect)


def inspect(
    model: Annotated[
        str,
        typer.Argument(help="A model that `learn` sealed: its file, or its name in the registry.", show_default=False),
    ],
    features: Annotated[bool, typer.Option("--features", help="Also list each feature with its normal range.")] = False,
    inside: Annotated[
        str | None,
        typer.Option(
            "--inside",
            metavar="PAGE.html",
            help="Write a page of what is inside its network: weights, activations, what excites units, codes, and, "
            "for pictures of bytes, where it looks. Needs torch.",
            show_default=False,
        ),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", metavar="SOURCE", help="With --inside: traffic to show it. May be repeated.", show_default=False
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            help="Write an HTML page of how it learnt, that needs no network: curves, what they tell, scores.",
            show_default=False,
        ),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            "--verify",
            metavar="PUBKEY",
            help="Exit with 2 unless the owner of this key signed the model.",
            show_default=False,
        ),
    ] = None,
    registry: options.Registry = None,
    as_json: options.Json = False,
) -> None:
    """Every part is verified against its hash before anything is shown."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console, opening
    from oddflow.errors import UsageError
    from oddflow.models.kinds import is_of_feature_set
    from oddflow.reports.learning import signed_words
    from oddflow.reports.samples import sample_words

    model, called = opening.find(model, registry)
    options.check_report(report, [model])
    sealed = opening.load(model, [verify] if verify else [], called)
    manifest = sealed.manifest
    if on and not inside:
        raise UsageError("--on goes with --inside PAGE.html")
    if inside:
        _write_inside(sealed, model, on or [], inside)
        return
    if report:
        from oddflow.files import write_whole
        from oddflow.reports import learning

        seal = learning.Seal.of(sealed.archive, verified=bool(verify))
        write_whole(report, learning.render(manifest, sealed.held_back, seal=seal))
        console.say(f"page in {report}")
    if as_json:
        console.print_json(manifest.model_dump(mode="json") | _sealed(sealed, verified=bool(verify)))
        return
    made, rows = manifest.provenance, manifest.training
    of_set = is_of_feature_set(manifest)
    made_up = f" ({rows.made_rows:,} of them made)" if rows.made_rows else ""
    facts = {
        "model": f"{manifest.detector}, fingerprint {sealed.fingerprint}, every part matches its hash",
        "signed": signed_words(sealed.archive, verified=bool(verify)),
        "licence": manifest.licence or "nothing said",
        "made": f"{manifest.created} by oddflow {manifest.oddflow_version}, seed {made.seed}",
        "options": ", ".join(f"{name} {value}" for name, value in manifest.options.items()) or "as they come",
        "learnt from": "; ".join(f"{s.name}, {s.flows:,} flows, sha256 {s.sha256[:12]}…" for s in made.sources),
        "data": f"fingerprint {made.data_sha256 or 'none: no source is named'}",
        "traffic": "none: rows" if of_set else f"{made.start} to {made.end}, {manifest.flows_per_s:.2f} flows/s",
        "rows": f"{rows.fit_rows:,} to fit{made_up}, {rows.validation_rows:,} to stop, "
        f"{rows.calibration_rows:,} held back",
        "epochs": str(rows.epochs) if rows.epochs else "none: no network",
        "features": f"{len(sealed.features)} ({manifest.feature_schema_version}), schema sha256 "
        f"{manifest.feature_schema_sha256[:12]}…",
        "needs": _needs(manifest),
        "pseudonyms": f"of the key {manifest.pseudonyms}" if manifest.pseudonyms else "none",
        "home networks": ", ".join(manifest.home_networks),
        "lost": ", ".join(f"{count:,} {reason}" for reason, count in made.losses.items()) or "nothing",
    }
    facts |= {"note": manifest.note} if manifest.note else {}
    facts |= {"made rows": _made(rows)} if rows.made_by else {}
    facts |= {"begun from": rows.begun_from} if rows.begun_from else {}
    facts |= {"beside": f"{rows.unlabelled_rows:,} rows without labels"} if rows.unlabelled_rows else {}
    facts |= {"samples": "; ".join(words)} if (words := sample_words(manifest)) else {}
    for name, value in facts.items():
        console.out.print(console.plain(f"{name:<14} {value}"), soft_wrap=True)
    if sealed.archive.card is not None:
        _show_card(sealed.archive.card)
    if features:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("feature", "unit", "least", "1 in 1,000", "median", "999 in 1,000", "greatest"):
            table.add_column(name, justify="left" if name in ("feature", "unit") else "right")
        for feature, r in zip(sealed.features, manifest.ranges, strict=True):
            numbers = (r.minimum, r.q001, r.median, r.q999, r.maximum)
            names = (console.plain(feature.name), console.plain(feature.unit))
            table.add_row(*names, *(f"{value:,.4g}" for value in numbers))
        console.out.print(table)


def _sealed(model: "SealedModel", *, verified: bool) -> dict[str, Any]:
    """What is beside the manifest in the file, for --json."""
    archive = model.archive
    signature = archive.signature
    told = signature and {
        "algorithm": "Ed25519",
        "public_key": signature.public_key.hex(),
        "fingerprint": signature.signer,
        "verified": verified,
    }
    return {
        "fingerprint": model.fingerprint,
        "data_sha256": archive.manifest.provenance.data_sha256,
        "signature": told,
        "card": archive.card.model_dump(mode="json") if archive.card else None,
    }


def _show_card(card: "Card") -> None:
    """The tables of an evaluation: each row's first figures."""
    from oddflow.amounts import count
    from oddflow.cli import console
    from oddflow.reports.learning import card_rows

    console.out.print("card: figures of the detector, learnt anew in each protocol; not of these very weights")
    for table in card.tables:
        warned = f", {count(len(table.warnings), 'leak warning')}" if table.warnings else ""
        name = table.name or "in words"
        console.out.print(console.plain(f"  {name} ({table.label}, {table.date}){warned}"), soft_wrap=True)
        for title, part, figures in card_rows(table):
            told = ", ".join(f"{name} {value}" for name, value in figures[:_FIGURES])
            console.out.print(console.plain(f"    {title}, {part}: {told}"), soft_wrap=True)


def _made(rows: "Training") -> str:
    """What was made, and what was checked of it."""
    dropped = f"; {rows.dropped_rows:,} that came out like one of those were left out" if rows.dropped_rows else ""
    return (
        f"{rows.made_rows:,} by {rows.made_by}, learnt from alone: compared with {rows.compared_rows:,} rows that stop "
        f"the learning or set the threshold, none is one of them{dropped}"
    )


def _write_inside(model: "SealedModel", name: str, sources: list[str], page: str) -> None:
    from pathlib import Path

    from oddflow.baselines import gather_for
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.files import write_whole
    from oddflow.losses import Ledger
    from oddflow.reports import inside

    if not registry.installed("autoencoder"):
        raise UsageError("--inside needs torch: pip install 'oddflow[train]'")
    from oddflow.inspection.looking import look

    x, ledger = None, Ledger()
    if sources:
        with console.reading(sources, "metering") as progress:
            x = gather_for(model, *sources, ledger=ledger, progress=progress).x
    looked_at = f"flows of {', '.join(Path(source).name for source in sources)}" if sources else "the baseline's median"
    write_whole(page, inside.render(look(model, Path(name).name, x, looked_at)))
    if sources:
        console.show_ledger(ledger)
    console.say(f"what is inside {name}: {page}")


def _needs(manifest: "Manifest") -> str:
    """What a source must know, in words."""
    from oddflow.features.representation import Reads
    from oddflow.features.versions import needed_by, reads_of
    from oddflow.models.kinds import is_of_feature_set, version_for
    from oddflow.models.policy import is_policy

    if is_policy(manifest):
        return "rows of alerts (`oddflow detect --triage`)"
    if is_of_feature_set(manifest):
        return "rows of that set"
    version = version_for(manifest)
    return "packets" if reads_of(version) is Reads.PACKETS else ", ".join(needed_by(version))
