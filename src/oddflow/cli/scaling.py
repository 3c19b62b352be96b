"""`oddflow bench scale`, `bench costs` and `bench plan`: several workers, one core, and machines that are not here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options
from oddflow.cli.measuring import Captures, Output, Rounds, measured, program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oddflow.bench.simulation.batch import JobCosts
    from oddflow.bench.simulation.costs import Costs
    from oddflow.bench.simulation.demand import Demand
    from oddflow.bench.simulation.sizing import Kept, Prices, Wanted


def register(group: typer.Typer) -> None:
    """Adds the commands to the group `bench`."""
    group.command(name="scale", help="Batch work on Ray: two workers, its overhead, small captures, killed nodes.")(
        scale
    )
    group.command(name="costs", help="What each step costs one core: the figures that plan is driven by.")(costs)
    group.command(name="plan", help="What larger traffic needs: cores, partitions, storage, money; what fails first.")(
        plan
    )


def scale(
    gigabytes: Annotated[
        float, typer.Option("--gigabytes", min=0.001, max=10_000, help="Of captures; 10 for figures to be told.")
    ] = 1.0,
    small: Annotated[int, typer.Option("--small", min=2, max=100_000, help="How many small captures.")] = 1_000,
    rounds: Rounds = 3,
    kills: Annotated[
        int, typer.Option("--kills", min=0, help="Jobs during which a node is killed; 0 for none. 20 take a while.")
    ] = 0,
    captures: Captures = None,
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Builds captures in a folder of its own, meters them plainly and on Ray's processes of this machine, in rounds.

    The simulation of the job is fitted on one worker, and held against the time of two. What else runs on the machine
    falsifies all of it: Ray's processes are several.
    """
    from oddflow import api
    from oddflow.bench.scale import ScaleBench, ScaleSizes
    from oddflow.bench.traffic import default_captures
    from oddflow.cli.extras import need_cluster

    need_cluster()
    chosen, sizes = captures or default_captures(api.examples()), ScaleSizes(gigabytes, small, rounds, kills)
    killer = program("cluster_kill.py")
    measured(lambda folder: ScaleBench(chosen, folder, sizes, kills=killer), output, as_json=as_json)


def costs(rounds: Rounds = 3, output: Output = None, as_json: options.Json = False) -> None:
    """Takes about a minute. As root, and with the repository's benchmarks beside it, live capture is measured, too.

    What it writes with -o is what `oddflow bench plan --costs` reads.
    """
    from oddflow.bench.unit_costs import CostsBench
    from oddflow.cli.extras import need_server

    need_server()  # its store of flows is one of the steps
    measured(
        lambda folder: CostsBench(folder, rounds=rounds, live=program("live.py", root=True)), output, as_json=as_json
    )


def plan(
    gbit_per_s: Annotated[
        list[float] | None,
        typer.Option(
            "--gbit-per-s",
            min=0.001,
            max=100_000,
            help="The traffic of the busy hour; may be repeated. 10, 100 and 1000 unless given.",
            show_default=False,
        ),
    ] = None,
    packet_bytes: Annotated[
        float, typer.Option("--packet-bytes", min=40, max=65_535, help="Mean length of packets.")
    ] = 800,
    packets_per_flow: Annotated[
        float, typer.Option("--packets-per-flow", min=1, help="Mean packets of a flow, both ways.")
    ] = 40,
    day_share: Annotated[
        float, typer.Option("--day-share", min=0, max=1, help="The average of a day over that of the busy hour.")
    ] = 0.5,
    busiest_pair: Annotated[
        float,
        typer.Option(
            "--busiest-pair",
            min=0.00001,
            max=1,
            help="Share of packets between the two busiest hosts: one core meters them.",
        ),
    ] = 0.001,
    busiest_host: Annotated[
        float,
        typer.Option(
            "--busiest-host", min=0.00001, max=1, help="Share of flows of the busiest host: one core scores them."
        ),
    ] = 0.005,
    busy: Annotated[
        float, typer.Option("--busy", min=0.05, max=1, help="The most that a core is to be at work on average.")
    ] = 0.6,
    keep_days: Annotated[float, typer.Option("--keep-days", min=0, help="How long flows are stored.")] = 30,
    stream_hours: Annotated[float, typer.Option("--stream-hours", min=0, help="How long the stream keeps them.")] = 24,
    core_hour: Annotated[
        float, typer.Option("--core-hour", min=0, help="Dollars for a core, with 4 GB, for an hour.")
    ] = 0.04,
    disk_month: Annotated[
        float, typer.Option("--disk-month", min=0, help="Dollars for a GB of disk for a month.")
    ] = 0.08,
    store_month: Annotated[
        float, typer.Option("--store-month", min=0, help="Dollars for a GB of the object store for a month.")
    ] = 0.023,
    measured_costs: Annotated[
        Path | None,
        typer.Option(
            "--costs",
            metavar="FILE",
            help="What each step costs, as bench costs -o FILE wrote it; as Oddflow's makers measured it unless given.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        Path | None,
        typer.Option(
            "--jobs",
            metavar="FILE",
            help="What tasks of batch jobs take, as bench scale -o FILE wrote it; as Oddflow's makers measured it "
            "unless given.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, max=600, help="Of traffic that are simulated.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of bursts, and of which host comes where.")] = 1,
    write: Annotated[
        str | None,
        typer.Option(
            "--write", metavar="PAGE", help="Put the tables between their marks in this page.", show_default=False
        ),
    ] = None,
    output: Output = None,
    as_json: options.Json = False,
) -> None:
    """Simulates sensors, a stream, replicas and a store with what one core was measured to do; measures nothing itself.

    It looks for the smallest system that loses no packet and has 99 of 100 flow records stored within two seconds, then
    lets the traffic grow until something gives way, and says what.
    """
    from oddflow.bench.simulation.costs import Costs
    from oddflow.bench.simulation.demand import Demand
    from oddflow.bench.simulation.jobs import read_jobs
    from oddflow.bench.simulation.sizing import Kept, Prices, Wanted

    known = Costs.read(measured_costs)
    demands = [
        Demand(rate * 1e9, packet_bytes, packets_per_flow, day_share, busiest_pair, busiest_host)
        for rate in gbit_per_s or (10, 100, 1_000)
    ]
    wanted, prices = Wanted(busy=busy, seconds=seconds, seed=seed), Prices(core_hour, disk_month, store_month)
    batch = read_jobs(jobs)
    _planned(demands, known, batch, wanted, prices, Kept(keep_days, stream_hours), write, output, as_json=as_json)


def _planned(
    demands: "list[Demand]",
    known: "Costs",
    batch: "Mapping[str, JobCosts]",
    wanted: "Wanted",
    prices: "Prices",
    kept: "Kept",
    write: str | None,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Finds what each demand needs; prints it, and writes it where that is asked for."""
    import json

    from oddflow.bench.simulation import page
    from oddflow.bench.simulation.jobs import scaled
    from oddflow.bench.simulation.sizing import needs
    from oddflow.cli import console
    from oddflow.files import check_place, write_whole

    for place in filter(None, (output, write)):
        check_place(place)
    found = []
    for demand in demands:
        with console.err.status(f"simulating {page.rate_of(demand.bits_per_s)}"):
            found.append(needs(demand, known, wanted=wanted, prices=prices, kept=kept))
    parts = {
        "needs": page.needed(found),
        "road": page.watched(found),
        "core": page.spent(demands[0], known),
        "mixtures": page.mixtures(demands[len(demands) // 2], known, wanted),
        "batch": scaled(batch),
        "costs": page.measured(known),
        "assumed": page.assumed(demands[0], wanted, prices, kept),
    }
    told = page.as_dict(found, known)
    if write:
        from oddflow.evaluation.tables import replaced

        text = Path(write).read_text("utf-8") if Path(write).exists() else ""
        for name, part in parts.items():
            text = replaced(text, name, page.table(*part))
        write_whole(write, text)
    if output:
        write_whole(output, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        console.print_json(told)
    else:
        for head, rows in parts.values():
            _show_table(head, rows)


def _show_table(head: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> None:
    from rich import box
    from rich.table import Table

    from oddflow.cli import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(name, justify="left" if place == 0 else "default")
    for row in rows:
        table.add_row(*(console.plain(cell) for cell in row))
    console.out.print(table)
