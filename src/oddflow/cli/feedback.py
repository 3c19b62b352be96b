"""`oddflow feedback`: what a person says of an alert, as a rule."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from datetime import datetime

    from oddflow.verdicts.alert import Alert
    from oddflow.verdicts.feedback.preview import Preview
    from oddflow.verdicts.feedback.rule import Rule


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="feedback", help="Say of an alert that it is benign or malicious, for the next time.")(feedback)


def feedback(
    alert_id: Annotated[
        str | None,
        typer.Argument(metavar="ALERT", help="The alert's id, or its first letters.", show_default=False),
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Argument(
            metavar="benign|malicious",
            help="Benign: alike alerts are hidden and counted. Malicious: alike flows are always shown.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="flow|service|host|always",
            help="What is alike. flow: this source to this service of this host. service: any source to it. host: all "
            "that this source does. always: this service anywhere, odd for the same reason.",
        ),
    ] = "flow",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads the rules later.")
    ] = "",
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="Forget it after 12h, 30d or 2w.", show_default=False),
    ] = None,
    alerts: Annotated[
        str, typer.Option("--alerts", metavar="FILE", help="The alerts that `detect -o` or `watch -o` wrote.")
    ] = "alerts.jsonl",
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="Where rules are kept; oddflow-feedback.jsonl beside the alerts unless given. "
            "`detect --feedback` and `watch --feedback` read it.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Hide what you were warned of, too: much odder alerts, other kinds of attack."),
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show the rules.")] = False,
    remove: Annotated[
        str | None,
        typer.Option("--remove", metavar="RULE", help="Take a rule back: its id, or its first letters."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Makes a rule of an alert, and says what it would have hidden before it is accepted."""
    from datetime import UTC, datetime
    from pathlib import Path

    from oddflow.errors import UsageError
    from oddflow.verdicts.feedback.rules import FILE

    place = rules or str(Path(alerts).parent / FILE)
    if sum((listed, remove is not None, alert_id is not None)) != 1:
        raise UsageError("expected one of: an alert with what it is (ALERT benign), --list, or --remove RULE")
    now = datetime.now(UTC)
    if listed:
        _list(place, now, as_json=as_json)
    elif remove is not None:
        _remove(place, remove, as_json=as_json)
    elif alert_id is not None:
        _add(
            alert_id, verdict, scope, alerts, place,
            reason=reason, expires=expires, now=now, yes=yes, as_json=as_json,
        )  # fmt: skip


def _list(place: str, now: "datetime", *, as_json: bool) -> None:
    from oddflow.cli import console
    from oddflow.verdicts.feedback.rule import summary
    from oddflow.verdicts.feedback.rules import read_rules

    rules = read_rules(place, missing_ok=True)
    if as_json:
        console.print_json({"file": place, "rules": [_told(rule, now) for rule in rules]})
        return
    for rule in rules:
        ends = "for good" if rule.expires is None else f"until {rule.expires:%Y-%m-%d %H:%M}"
        ends = ends if rule.holds_at(now) else f"expired {rule.expires:%Y-%m-%d}"
        console.out.print(console.plain(f"{rule.id}  {rule.scope:<7}  {ends:<22}  {rule.told}"), soft_wrap=True)
    console.say(f"{summary(rules)} in {place}")


def _told(rule: "Rule", now: "datetime") -> dict[str, Any]:
    return {**rule.model_dump(mode="json"), "reach": rule.reach, "holds": rule.holds_at(now)}


def _remove(place: str, rule_id: str, *, as_json: bool) -> None:
    from oddflow.cli import console
    from oddflow.verdicts.feedback.rules import remove_rule

    rule = remove_rule(place, rule_id)
    if as_json:
        console.print_json({"file": place, "removed": rule.model_dump(mode="json")})
    else:
        console.say(f"taken back: {rule.id} {rule.told}")


def _add(
    alert_id: str,
    verdict: str | None,
    scope: str,
    alerts: str,
    place: str,
    *,
    reason: str,
    expires: str | None,
    now: "datetime",
    yes: bool,
    as_json: bool,
) -> None:
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file
    from oddflow.verdicts.feedback.feedback import Feedback
    from oddflow.verdicts.feedback.preview import preview
    from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict, expiry
    from oddflow.verdicts.feedback.rules import add_rule, read_rules
    from oddflow.verdicts.record import find_alert, read_alerts

    if verdict not in list(Verdict):
        raise UsageError(f"what the alert is must be {' or '.join(Verdict)}; {verdict or 'nothing'} given")
    if scope not in list(Scope):
        raise UsageError(f"--scope must be one of {', '.join(Scope)}; {scope!r} given")
    if len(reason) > 1_000:
        raise UsageError(f"--reason has {len(reason):,} letters; at most 1,000 are kept")
    check_place(place)
    if same_file(place, alerts):
        raise UsageError(f"{place} holds the alerts; give the rules another name")
    ends = expiry(expires, now) if expires else None
    alert = find_alert(alerts, alert_id)
    rule = Rule.of(alert, Verdict(verdict), Scope(scope), made=now, reason=reason, expires=ends)
    found = None
    if rule.verdict is Verdict.BENIGN:
        known = Feedback(read_rules(place, missing_ok=True), now)
        found = preview(rule, read_alerts(alerts), known)
        if not as_json:
            _tell(rule, found)
        warnings = found.warnings()
        if warnings and not yes:
            raise UsageError(
                f"not accepted: {rule.reach} covers {'; and '.join(warnings)}. Give a narrower --scope, or --yes to "
                "hide these too"
            )
        if warnings:
            rule = Rule.of(
                alert, rule.verdict, rule.scope,
                made=now, reason=reason, expires=ends, up_to=found.up_to, kinds=found.kinds,
            )  # fmt: skip
    rules, given_way = add_rule(place, rule, now)
    if as_json:
        console.print_json({
            "file": place,
            "rule": _told(rule, now),
            "replaced": [one.id for one in given_way],
            "rules": len(rules),
            "would_hide": None if found is None else _previewed(found),
        })  # fmt: skip
        return
    for one in given_way:
        console.say(f"in place of {one.id} {one.told}")
    console.say(f"rule {rule.id} in {place}: {rule.told}")
    console.say(f"next: oddflow detect YOUR.pcap -m MODEL --feedback {place}")


def _tell(rule: "Rule", found: "Preview") -> None:
    from oddflow.cli import console

    console.say(f"{rule.reach}: {found.told()}")
    if found.strangest[1:]:
        console.say("the oddest in its reach:")
    for alert in found.strangest[1:] and found.strangest:
        console.out.print(console.plain(_line(alert)), soft_wrap=True)
    for warning in found.warnings():
        console.say(f"careful: its reach covers {warning}")


def _line(alert: "Alert") -> str:
    """An alert in one line: id, score, ends, kind, why."""
    from oddflow.cli.tables import endpoint

    ends = f"{endpoint(alert.src_ip, alert.src_port)} → {endpoint(alert.dst_ip, alert.dst_port)}"
    why = alert.reasons[0].text if alert.reasons else alert.rarity
    kind = alert.truth or alert.category.replace("_", " ")
    return f"  {alert.id}  {alert.score:8.4g}  {ends}  {f'[{kind}] ' if kind else ''}{why}"


def _previewed(found: "Preview") -> dict[str, Any]:
    return {
        "alerts": found.alerts,
        "alike": found.alike.alerts,
        "odder": found.odder.alerts,
        "other_kinds": found.other_kinds.alerts,
        "attacks": found.attacks.alerts,
        "malicious": found.malicious.alerts,
        "strangest": [alert.id for alert in found.strangest],
        "warnings": found.warnings(),
    }
