"""`oddflow bench`: measures this machine, beside other tools in the same run."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options, scaling
from oddflow.cli.measuring import Captures, Output, Rounds, measured, program, run, show

if TYPE_CHECKING:
    from oddflow.bench.score import ScoreBench
    from oddflow.bench.serving import ServeBench


class Served(StrEnum):
    """What is measured of a service."""

    LOAD = "load"
    PAGES = "pages"
    START = "start"


Peers = Annotated[Path, typer.Option("--peers", metavar="FOLDER", help="Where make peers put them.")]
DEFAULT_PACKETS, LARGE_BYTES = 4_000_000, (500_000_000, 5_000_000_000)


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True, help="Measure this machine, beside other tools in the same run.")
    group.callback()(_group)
    group.command(name="ingest", help="Packets to flows: rate, ratio to other tools, memory.")(ingest)
    group.command(name="logs", help="Records of other tools to flows: rate, memory.")(logs)
    group.command(name="online", help="KitNET on packets: rates of learning and scoring, on one core.")(online)
    group.command(name="train", help="Learning: rates of networks, ratios to other tools, errors.")(train)
    group.command(name="score", help="Scoring through sealed models: rates, ratio to PyOD.")(score)
    group.command(name="netflow", help="Messages of exporters to flows: rate, loss, memory.")(netflow)
    group.command(name="serve", help="The service: delay of alerts, memory, start, pages.")(serve)
    scaling.register(group)
    app.add_typer(group, name="bench")


def _group() -> None:
    pass


def ingest(
    captures: Captures = None,
    packets: Annotated[int, typer.Option("--packets", min=1000, help="Packets that rates are taken on.")] = (
        DEFAULT_PACKETS
    ),
    rounds: Rounds = 3,
    flood: Annotated[int, typer.Option("--flood", min=1000, help="Flows of the SYN flood.")] = 5_000_000,
    large: Annotated[
        bool, typer.Option("--large", help="Take memory on 0.5 and 5 GB instead of 0.2 and 2 GB.")
    ] = False,
    peers: Peers = Path("out/peers"),
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Builds captures in a folder of its own, runs everything in interleaved rounds, and removes them."""
    import json
    import tempfile

    from oddflow import api
    from oddflow.bench.figures import Sizes
    from oddflow.bench.ingest import IngestBench
    from oddflow.bench.traffic import default_captures
    from oddflow.cli import console
    from oddflow.files import check_place, write_whole

    if output:
        check_place(output)
    chosen = captures or default_captures(api.examples())
    sizes = Sizes(packets, rounds, flood, LARGE_BYTES if large else Sizes().memory_bytes)
    with tempfile.TemporaryDirectory(prefix="oddflow-bench-") as folder:
        bench = IngestBench(chosen, Path(folder), peers, sizes, live=program("live.py", root=True))
        run(bench)
    found = bench.as_dict()
    if as_json:
        console.print_json(found)
    else:
        show(found, bench.figures())
        given = found["input"]
        console.say(
            f"made of {', '.join(given['captures'])}: {given['bytes_per_packet']:.0f} bytes a packet on average"
        )
    if output:
        write_whole(output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def online(
    captures: Captures = None,
    packets: Annotated[int, typer.Option("--packets", min=10_000, help="Packets that rates are taken on.")] = 200_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often everything runs.")] = 5,
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Processor time of decoded packets, to their statistics, through learning, to scores."""
    import json
    import tempfile

    from oddflow import api
    from oddflow.bench.online import measure
    from oddflow.bench.traffic import default_captures
    from oddflow.cli import console
    from oddflow.files import check_place, write_whole

    if output:
        check_place(output)
    with tempfile.TemporaryDirectory(prefix="oddflow-bench-") as folder:
        bench = measure(captures or default_captures(api.examples()), Path(folder), count=packets, rounds=rounds)
    found = bench.as_dict()
    if as_json:
        console.print_json(found)
    else:
        show(found, bench.figures())
    if output:
        write_whole(output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def logs(
    records: Annotated[int, typer.Option("--records", min=1000, help="Records of each log.")] = 1_000_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each log is read.")] = 3,
    as_json: options.Json = False,
) -> None:
    """Writes logs in a folder of its own, reads them, and removes them."""
    from oddflow.bench.logs import LogBench

    measured(lambda folder: LogBench(folder, records=records, rounds=rounds), as_json=as_json)


def netflow(
    records: Annotated[int, typer.Option("--records", min=1000, help="Records of each version.")] = 1_000_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each is read.")] = 3,
    as_json: options.Json = False,
) -> None:
    """Makes messages in a folder of its own, sends them to this machine, and removes them."""
    from oddflow.bench.netflow import NetflowBench

    measured(lambda folder: NetflowBench(folder, records=records, rounds=rounds), as_json=as_json)


Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Of all data sets; NSL-KDD is taken from it.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of first weights, of the rows' order, of made rows.")]


def train(
    rows: Annotated[int, typer.Option("--rows", min=2_000, help="The most rows.")] = 125_973,
    epochs: Annotated[int, typer.Option("--epochs", min=2, help="Passes over the rows.")] = 5,
    rounds: Rounds = 3,
    seed: Seed = 1,
    data: Data = None,
    peers: Peers = Path("out/peers"),
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Learns the same networks on the same rows as PyOD, Keras on JAX and on TensorFlow, and plain torch do."""
    from oddflow.bench.train import TrainBench, TrainSizes

    _needs_torch("train")
    sizes = TrainSizes(rows=rows, epochs=epochs, rounds=rounds)
    measured(lambda folder: TrainBench(folder, peers, _data(data), sizes, seed=seed), output, as_json=as_json)


def score(
    rows: Annotated[int, typer.Option("--rows", min=2_000, help="The most rows.")] = 125_973,
    rounds: Rounds = 3,
    seed: Seed = 1,
    data: Data = None,
    peers: Peers = Path("out/peers"),
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Learns and seals two models, and scores the same rows by them and by PyOD's AutoEncoder."""
    from oddflow.bench.score import ScoreBench

    _needs_torch("score")

    def make(folder: Path) -> "ScoreBench":
        return ScoreBench(folder, peers, _data(data), rows=rows, rounds=rounds, seed=seed)

    measured(make, output, as_json=as_json)


def serve(
    what: Annotated[
        Served | None,
        typer.Option(
            "--what",
            help="load: the delay of alerts, and memory, as root; start: from the command to the first verdict, as "
            "root; pages: how quick pages and searches are with a month of flows. Load and start unless given.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[int, typer.Option("--seconds", min=20, help="Of traffic; 1800 for a soak.")] = 120,
    flows_per_s: Annotated[int, typer.Option("--flows-per-s", min=100, help="Connections that end in a second.")] = (
        5_000
    ),
    packets_per_flow: Annotated[int, typer.Option("--packets-per-flow", min=8, help="Of each connection.")] = 20,
    starts: Annotated[int, typer.Option("--starts", min=1, help="How often the service is started.")] = 3,
    flows: Annotated[int, typer.Option("--flows", min=100, help="Stored flows, for the pages.")] = 10_000_000,
    alerts: Annotated[int, typer.Option("--alerts", min=10, help="Stored alerts, for the pages.")] = 100_000,
    hours: Annotated[int, typer.Option("--hours", min=2, max=720, help="Over which they are spread.")] = 720,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FOLDER",
            help="Make the state of the pages here and leave it; what is there already is used as it is.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Runs a service of its own: with packets on a pair of interfaces, or with a month of flows and alerts.

    The load and the start need root. The pages are asked for through HTTP, all of them six times: the first answer
    after the start is told apart, and the median and the worst of the others are held against 300 ms for a page's
    data and 1 s for a search.
    """
    from oddflow import api
    from oddflow.bench.pages import PagesBench
    from oddflow.bench.serving import ServeBench
    from oddflow.bench.steady import SteadyTraffic

    if what is Served.PAGES:
        measured(
            lambda folder: PagesBench(keep or folder, flows=flows, alerts=alerts, hours=hours), output, as_json=as_json
        )
        return
    traffic = SteadyTraffic(flows_per_s, packets_per_flow)
    examples = api.examples()

    def make(folder: Path) -> "ServeBench":
        return ServeBench(
            folder, seconds=0 if what is Served.START else seconds, traffic=traffic,
            starts=0 if what is Served.LOAD else starts,
            capture=examples / "office-incident.pcap.zst", baseline=examples / "office-baseline.pcap.zst",
        )  # fmt: skip

    measured(make, output, as_json=as_json)


def _needs_torch(name: str) -> None:
    from importlib.util import find_spec

    from oddflow.errors import UsageError

    if find_spec("torch") is None:
        raise UsageError(f"bench {name} learns networks, which needs torch; install oddflow[train]")


def _data(given: Path | None) -> Path | None:
    """The folder of data sets: as given, as ODDFLOW_DATA names it, or beside the repository; else none."""
    import os

    from oddflow import api

    named = os.environ.get("ODDFLOW_DATA")
    beside = api.examples().parent.parent / "shared" / "data"
    return given or (Path(named) if named else beside if beside.is_dir() else None)
