"""Rules on disk: one JSON object a line, written whole, one writer at a time."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from oddflow.errors import InputError, OutputError, Unreadable, UsageError
from oddflow.files import reason_of, write_whole
from oddflow.verdicts.feedback.rule import Rule

FILE = "oddflow-feedback.jsonl"
"""Its usual name, beside the alerts."""
MOST_RULES = 10_000
MOST_BYTES = 32 << 20


def read_rules(path: str, *, missing_ok: bool = False) -> list[Rule]:
    """Reads rules, the oldest first.

    Args:
        path: The file.
        missing_ok: No file is no rules.

    Raises:
        Unreadable: The file cannot be read.
        InputError: A line is no rule; which, and why. Or there are too many.
    """
    wanted = "expected rules that `oddflow feedback` wrote"
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        if missing_ok:
            return []
        raise Unreadable(f"{path} is not there; {wanted}") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {reason_of(error)}; {wanted}") from None
    lines = content.splitlines()
    if len(content) > MOST_BYTES or len(lines) > MOST_RULES:
        raise InputError(f"{path} holds more than {MOST_RULES:,} rules or {MOST_BYTES >> 20} MiB; {wanted}")
    rules = []
    for number, line in enumerate(lines, start=1):
        try:
            rules.append(Rule.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{path}, line {number}: {place + ': ' if place else ''}{first['msg']}; {wanted}"
            ) from None
    return rules


def add_rule(path: str, rule: Rule, now: datetime) -> tuple[list[Rule], list[Rule]]:
    """Adds a rule; what was said of the same alert before gives way, and rules that have expired go.

    Returns:
        All rules that hold now, and those that gave way.

    Raises:
        UsageError: There are too many rules.
    """
    with _alone(path):
        before = [one for one in read_rules(path, missing_ok=True) if one.holds_at(now)]
        given_way = [one for one in before if one.alert_id == rule.alert_id and one.pseudonyms == rule.pseudonyms]
        rules = [*(one for one in before if one not in given_way), rule]
        if len(rules) > MOST_RULES:
            raise UsageError(f"{path} holds {MOST_RULES:,} rules already; take some back, or give wider ones")
        _write(path, rules)
    return rules, given_way


def remove_rule(path: str, rule_id: str) -> Rule:
    """Takes back the rule whose id starts with these letters.

    Raises:
        UsageError: None does, or more than one.
    """
    with _alone(path):
        rules = read_rules(path)
        found = [rule for rule in rules if rule_id and rule.id.startswith(rule_id)]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} rules in {path} have an id that starts with {rule_id!r}; "
                + ("give more of it" if found else "`oddflow feedback --list` shows them")
            )
        _write(path, [rule for rule in rules if rule is not found[0]])
    return found[0]


def _write(path: str, rules: Sequence[Rule]) -> None:
    lines = [json.dumps(rule.model_dump(mode="json"), ensure_ascii=False, allow_nan=False) for rule in rules]
    write_whole(path, "".join(line + "\n" for line in lines))


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Nobody else changes rules in the same folder meanwhile (flock(2) of the folder: no file is left behind)."""
    folder = Path(path).resolve().parent
    try:
        place = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason_of(error)}; choose another place") from None
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
