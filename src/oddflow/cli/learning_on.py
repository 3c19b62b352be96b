"""`oddflow learn --update`: a model that keeps up with its network."""

from typing import TYPE_CHECKING

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.logs.privacy import Privacy
    from oddflow.models.stamp import Stamp
    from oddflow.training.run import Run


def update(
    model: str | None,
    sources: list[str],
    output: str | None,
    feedback: str | None,
    *,
    alone: bool,
    seed: int,
    merge: bool,
    privacy: "Privacy",
    run: "Run",
    stamp: "Stamp",
    as_json: bool,
    strict: bool,
) -> None:
    """Learns on from what a model lets pass, and says how the new one compares."""
    from dataclasses import asdict

    from oddflow import api
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import same_file
    from oddflow.losses import Ledger

    if model is None:
        raise UsageError("--feedback goes with --update MODEL; `oddflow detect --feedback` hides alerts with it")
    if not (alone and sources and output):
        raise UsageError(
            "--update MODEL takes SOURCE… and -o NEW, and of other options --feedback, --seed, --merge, --device and "
            "those of privacy: detector, options and how flows are cut are the model's"
        )
    for taken in (model, feedback, *sources):
        if taken and same_file(taken, output):
            raise UsageError(f"{output} is read, too; give the new model another name")
    ledger = Ledger()
    with console.reading(sources, "metering") as progress:
        done = api.update(
            model, *sources,
            output=output, feedback=feedback, seed=seed, ledger=ledger, progress=progress, merge=merge,
            privacy=privacy, run=run, stamp=stamp,
        )  # fmt: skip
    if as_json:
        console.print_json({
            "learnt": done.learnt,
            "compared": asdict(done.compared),
            "manifest": done.model.manifest.model_dump(mode="json"),
        })  # fmt: skip
    else:
        console.say(f"{done.model.manifest.detector} learnt on: {output}")
        console.say(done.learnt)
        console.say(done.compared.told)
        console.show_ledger(ledger)
        console.say(f"next: oddflow detect YOUR.pcap -m {output} --report odd.html")
    if strict and not ledger.complete:
        raise options.Lost
