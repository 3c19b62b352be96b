"""`oddflow triage`: policies that say which alert to look at next."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddflow.triage.compare import Comparison

Alerts = Annotated[
    list[str],
    typer.Argument(
        metavar="ALERTS.jsonl…",
        help="Alerts with their truth, one file a capture: what `oddflow detect --truth TRUTH.csv -o` wrote.",
        show_default=False,
    ),
]
Minutes = Annotated[
    list[float] | None,
    typer.Option("--minutes", min=1, help="Length of a shift; may be repeated. 15, 30 and 60 unless given."),
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Learn, from alerts whose truth is known, which row to look at next; `detect --triage` follows it.",
    )
    group.command(name="learn", help="Learn a policy by reinforcement, and seal it.")(learn)
    group.command(name="evaluate", help="Compare policies with score order, on captures they never saw.")(evaluate)
    group.command(name="check", help="Balance a pole: whether the learning itself works here.")(check)
    app.add_typer(group, name="triage")


def learn(
    alerts: Alerts,
    output: Annotated[str, typer.Option("-o", "--output", help="Where to write the sealed policy.")],
    episodes: Annotated[int, typer.Option("--episodes", min=32, help="Shifts to learn from.")] = 6_400,
    queues: Annotated[int, typer.Option("--queues", min=1, help="Queues drawn from the captures.")] = 300,
    minutes: Minutes = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Queues are mixed of the captures; attacks in them are made quieter at random."""
    _needs_torch()
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file
    from oddflow.models.format import write_sealed
    from oddflow.triage.learn import SHIFTS_MINUTES, Plan, learn_policy
    from oddflow.triage.queues import read_all
    from oddflow.triage.reinforce import Settings

    check_place(output)
    if any(same_file(path, output) for path in alerts):
        raise UsageError(f"{output} is read, too; give the policy another name")
    captures = read_all(alerts)
    plan = Plan(Settings(episodes=episodes, seed=seed), queues, minutes or SHIFTS_MINUTES)

    def told(done: int, mean: float) -> None:
        if not as_json and done % 320 == 0:
            console.say(f"{done:,} of {episodes:,} episodes: {mean:.2f} incidents a shift")

    archive, returns = learn_policy(captures, alerts, plan, told)
    write_sealed(output, archive)
    if as_json:
        console.print_json(archive.manifest.model_dump(mode="json"))
        return
    last = returns[-min(len(returns), 320) :]
    console.say(
        f"learnt from {len(returns):,} shifts over alerts of {len(captures)} captures: "
        f"{sum(last) / len(last):.2f} incidents a shift in the last ones: {output}"
    )
    console.say(f"next: oddflow triage evaluate OTHER-ALERTS.jsonl -p {output}")


def evaluate(
    alerts: Alerts,
    policy: Annotated[
        list[str],
        typer.Option("-p", "--policy", help="A sealed policy; repeat it for others, learnt with other seeds."),
    ],
    queues: Annotated[int, typer.Option("--queues", min=2, help="Queues drawn from the captures.")] = 200,
    minutes: Minutes = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Refuses captures that a policy was learnt on."""
    _needs_torch()
    from oddflow.cli import console
    from oddflow.triage.compare import compare
    from oddflow.triage.learn import SHIFTS_MINUTES
    from oddflow.triage.queues import check_apart, read_all
    from oddflow.verdicts.triage.order import load_policy

    policies = [load_policy(path) for path in policy]
    captures = read_all(alerts)
    for sealed in policies:
        known = sealed.model.manifest.context.get("known_flows")
        check_apart(known if isinstance(known, list) else [], captures)
    found = compare(policies, captures, minutes=minutes or SHIFTS_MINUTES, queues=queues, seed=seed)
    if as_json:
        console.print_json([one.as_dict() for one in found])
        return
    for one in found:
        _show(one)


def _show(comparison: "Comparison") -> None:
    """A table in Markdown, as the docs have it."""
    from oddflow.cli import console

    console.out.print(
        f"{comparison.queues} {comparison.kind}: {comparison.incidents:.1f} incidents and "
        f"{comparison.candidates:.0f} rows in each; {comparison.policies} learnt policies\n",
        soft_wrap=True,
    )
    heads = ["minutes", "order", "incidents found", "an hour", "more than score order"]
    _line(heads)
    _line(["---:", "---", "---:", "---:", "---:"])
    for line in sorted(comparison.lines, key=lambda line: line.minutes):
        _line([
            f"{line.minutes:g}", line.name, f"{line.found:.2f} ({line.low:.2f}–{line.high:.2f})",
            f"{line.per_hour:.2f}", f"{line.gain:+.2f} ({line.gain_low:+.2f} to {line.gain_high:+.2f})",
        ])  # fmt: skip
    console.out.print("")


def _line(cells: "Sequence[str]") -> None:
    from oddflow.cli import console

    console.out.print(console.plain(f"| {' | '.join(cells)} |"), soft_wrap=True)


def check(
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="So many times, from other beginnings.")] = 3,
    episodes: Annotated[int, typer.Option("--episodes", min=16, help="Episodes to learn from.")] = 1_200,
    as_json: options.Json = False,
) -> None:
    """CartPole-v1 is solved at a mean return of 475 over 100 episodes."""
    _needs_torch()
    from dataclasses import asdict, replace

    from oddflow.cli import console
    from oddflow.errors import LearningFailed
    from oddflow.triage.cart_pole import EPISODES, SOLVED, USUAL, balance

    found = []
    for seed in range(seeds):
        one = balance(replace(USUAL, episodes=episodes, seed=seed))
        found.append(one)
        if not as_json:
            console.out.print(
                f"seed {seed}: mean return {one.mean:.1f} over {EPISODES} episodes, at least {one.least:.0f}; "
                f"{one.first:.1f} in the first 100 of {episodes:,} episodes of learning",
                soft_wrap=True,
            )
    if as_json:
        console.print_json([asdict(one) | {"solved": one.solved} for one in found])
    failed = [one for one in found if not one.solved]
    if failed:
        raise LearningFailed(
            f"{len(failed)} of {seeds} stayed under a mean return of {SOLVED:g}; give more than {episodes:,} --episodes"
        )


def _needs_torch() -> None:
    from importlib.util import find_spec

    from oddflow.errors import UsageError

    if any(find_spec(name) is None for name in ("torch", "gymnasium")):
        raise UsageError(
            "triage policies are learnt and compared with torch and gymnasium: pip install 'oddflow[train]'"
        )
