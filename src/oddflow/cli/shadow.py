"""`oddflow models shadow`: a candidate beside the active model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.models.format import Archive
    from oddflow.models.registry.named import Version
    from oddflow.verdicts.alert import Alert
    from oddflow.verdicts.shadow.advice import Advice
    from oddflow.verdicts.shadow.comparison import Comparison


def shadow(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose active version it is compared with.")],
    candidate: Annotated[
        str, typer.Argument(metavar="CANDIDATE", help="A version of it, like 3; or a model file, or another name.")
    ],
    sources: options.Sources,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False alarms you put up with: 10/day unless given.")
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="A CSV of what really happened: found, missed and false are compared.")
    ] = None,
    report: Annotated[str | None, typer.Option("--report", help="Write an HTML page that needs no network.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Alerts shown that only one model raises.")] = 5,
    merge: options.Merge = False,
    home_net: options.HomeNet = None,
    no_payload: options.NoPayload = False,
    pseudonymise: options.Pseudonymise = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the journal.")] = "",
    trust: options.Trust = None,
    registry: options.Registry = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """One pass over the sources; each model sees them through its own features and sets its own threshold."""
    from oddflow.cli import console
    from oddflow.datasets.truth import GroundTruth
    from oddflow.files import write_whole
    from oddflow.logs.privacy import Privacy
    from oddflow.logs.source import arrange
    from oddflow.losses import Ledger
    from oddflow.models.registry.registry import Registry
    from oddflow.models.sealed import SealedModel
    from oddflow.reports import shadow as page
    from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget
    from oddflow.verdicts.shadow.advice import advise
    from oddflow.verdicts.shadow.comparing import Contender, compare
    from oddflow.verdicts.shadow.noting import noted

    options.check_report(report, [*sources, *filter(None, [truth])])
    known = Registry(registry)
    active = known.find(name)
    archives = _both(known, active, name, candidate, trust, registry)
    wanted, privacy = Budget.parse(budget or DEFAULT_BUDGET), Privacy.of(payload=not no_payload, key=pseudonymise)
    happened = GroundTruth.read(truth) if truth else None
    if happened is not None and privacy.pseudonyms:
        happened = happened.under(privacy.pseudonyms.address)
    SealedModel(archives[0][1])  # so that loading the runtime itself is no model's memory
    contenders = [
        Contender.of(archive, called, wanted, privacy=privacy, home_networks=home_net) for called, archive in archives
    ]
    ledger = Ledger()
    with console.reading(sources, "comparing two models") as progress:
        found = compare(
            arrange(sources, ledger, merge=merge), *contenders, truth=happened, progress=progress, ledger=ledger
        )
    advice = advise(found)
    if report:
        write_whole(report, page.render(found, advice))
    if candidate.isdecimal():
        known.shadowed(name, int(candidate), active, noted(found, advice), reason=reason)
    if as_json:
        told = {"recommendation": advice.verdict.value, "reasons": list(advice.reasons)}
        console.print_json(told | found.as_dict())
    else:
        _show(found, advice, rows)
        if not candidate.isdecimal():
            console.say(f"not noted in the registry: {candidate} is no version of {name}; add it, then compare again")
    if report:
        console.say(f"report in {report}")
    if strict and not ledger.complete:
        raise options.Lost


def _both(
    known: Any, active: "Version", name: str, candidate: str, trust: list[str] | None, registry: str | None
) -> list[tuple[str, "Archive"]]:
    """Both models, checked, and what they are called."""
    from oddflow.cli import opening

    first = f"{name}@{active.number}"
    if candidate.isdecimal():
        version = known.named(name).version(int(candidate))
        path, second = str(known.check(version)), f"{name}@{version.number}"
    else:
        path, second = opening.find(candidate, registry)
        second = Path(second).name
    return [(first, opening.read(str(known.check(active)), trust, first)), (second, opening.read(path, trust, second))]


def _show(found: "Comparison", advice: "Advice", rows: int) -> None:
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.reports import shadow as page

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head, side in (("", "left"), ("active", "right"), ("candidate", "right")):
        table.add_column(head, justify=side)  # type: ignore[arg-type]
    for what, first, second in page.facts(found):
        table.add_row(*map(console.plain, (what, first, second)))
    console.out.print(table)
    correlation = "none: a score is constant" if found.correlation != found.correlation else f"{found.correlation:.3f}"
    console.out.print(
        f"alerts of both {found.both:,}, of the active model alone {found.only_active:,}, of the candidate alone "
        f"{found.only_candidate:,}; rank correlation of scores {correlation}"
    )
    for attack in found.known.attacks if found.known else ():
        words = f"  {attack.what}: of {attack.flows:,} flows {attack.active:,} and {attack.candidate:,} are shown"
        console.out.print(console.plain(words), soft_wrap=True)
    for what, alerts in (("only active   ", found.lost), ("only candidate", found.gained)):
        for alert in alerts[:rows]:
            console.out.print(console.plain(f"{what} {_line(alert)}"), soft_wrap=True)
    for remark in found.remarks:
        console.say(f"note: {remark}")
    console.show_ledger(found.ledger)
    console.out.print(console.plain(f"{advice.verdict.value}: {'; '.join(advice.reasons)}"), soft_wrap=True)


def _line(alert: "Alert") -> str:
    from oddflow.cli.tables import endpoint

    reason = alert.reasons[0].text if alert.reasons else ""
    return (
        f"{endpoint(alert.src_ip, alert.src_port)} → {endpoint(alert.dst_ip, alert.dst_port)}, score "
        f"{alert.score:.4g}: {reason}"
    )
