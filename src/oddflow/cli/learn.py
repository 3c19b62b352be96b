"""`oddflow learn`: normal traffic to a sealed model."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="learn", help="Learn what is normal from captures, logs or flow tables, and seal a model.")(learn)


def learn(
    sources: options.Sources,
    output: Annotated[str, typer.Option("-o", "--output", help="The model file to write.", show_default=False)],
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector", help="By name (see `oddflow detectors`); autoencoder where torch is, else robust-pca."
        ),
    ] = None,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable",
            help="Learn only from what captures, logs and exporters all know: ends, times, packets and bytes. The "
            "model then serves each of them, and sees less than one learnt on captures.",
        ),
    ] = False,
    merge: options.Merge = False,
    home_net: options.HomeNet = None,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    tunnels: options.Tunnels = True,
    seed: options.Seed = 0,
    logdir: Annotated[str | None, typer.Option("--logdir", help="Write TensorBoard curves there.")] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Each quarter of the time is scored by what the others taught; those scores set the threshold."""
    from oddflow import api
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.flows.settings import MeterSettings
    from oddflow.losses import Ledger

    ledger = Ledger()
    with console.reading(sources, "metering") as progress:
        gathered = api.gather(
            *sources,
            settings=MeterSettings(
                idle_timeout, active_timeout, max_flows=max_flows, datagram_timeout_s=datagram_timeout, tunnels=tunnels
            ),
            home_networks=home_net,
            ledger=ledger,
            progress=progress,
            merge=merge,
            portable=portable,
            packets=detector is not None and registry.find(detector).on_packets,
        )
    with console.epochs() as told:
        model = api.learn_gathered(gathered, output, detector=detector, seed=seed, logdir=logdir, told=told)
    manifest = model.manifest
    if as_json:
        console.print_json(manifest.model_dump(mode="json"))
    else:
        read = ", ".join(seen.name for seen in gathered.seen)
        console.say(f"{manifest.detector} learnt {gathered.flows:,} flows of {read}: {output}")
        console.show_ledger(ledger)
        console.say(f"next: oddflow detect YOUR.pcap -m {output} --report odd.html")
    if strict and not ledger.complete:
        raise options.Lost
