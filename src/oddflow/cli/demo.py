"""`oddflow demo`: the main job on real captures, from start to report."""

from pathlib import Path
from typing import Annotated

import typer

from oddflow.cli import options

NAMES = ("office-baseline.pcap.zst", "office-incident.pcap.zst", "office-incident.truth.csv")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="demo", help="Learn a quiet office, then find four attacks in another capture of it.")(demo)


def demo(
    examples: Annotated[
        str | None, typer.Option("--examples", help="Folder of the captures, where they are not the ones that ship.")
    ] = None,
    out: Annotated[str, typer.Option("--out", help="Folder for the model, the alerts and the report.")] = "out",
    budget: Annotated[str, typer.Option("--budget", help="False alarms you put up with.")] = "10/day",
    detector: Annotated[str | None, typer.Option("--detector", help="By name; see `oddflow detectors`.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learns on the benign capture alone; the truth is opened only to print found, missed and false."""
    from oddflow import api
    from oddflow.cli import console
    from oddflow.cli.detect import detect
    from oddflow.cli.learn import learn
    from oddflow.errors import OutputError, Unreadable

    folder = Path(examples) if examples else api.examples()
    if folder.is_absolute() and folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())  # what is printed can then be typed again
    baseline, incident, truth = (str(folder / name) for name in NAMES)
    missing = [name for name in NAMES if not (folder / name).is_file()]
    if missing:
        raise Unreadable(f"{folder} lacks {', '.join(missing)}; `make lab` records them")
    target = Path(out)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}") from None
    model, alerts, report = (str(target / name) for name in ("office.oddflow", "alerts.jsonl", "report.html"))
    if not as_json:
        console.say(f"$ oddflow learn {baseline} -o {model}")
        learn([baseline], output=model, detector=detector, seed=seed)
        console.say()
        console.say(f"$ oddflow detect {incident} -m {model} --budget {budget} --report {report} -o {alerts}")
    else:
        learn_quietly(baseline, model, detector, seed)
    detect([incident], model=model, budget=budget, report=report, output=alerts, truth=truth, as_json=as_json)
    if not as_json:
        console.say()
        console.say(f"open {report} in a browser; it needs no network")


def learn_quietly(baseline: str, model: str, detector: str | None, seed: int) -> None:
    """Learns without a word, so that --json stays one value."""
    from oddflow import api

    api.learn(baseline, output=model, detector=detector, seed=seed)
