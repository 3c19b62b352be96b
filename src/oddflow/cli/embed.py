"""`oddflow embed`: unlabelled traffic to vectors of services, and which of them lie near each other."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.models.port_vectors import PortVectors


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="embed", help="Learn from unlabelled traffic which services are used alike, or show it (with --show)."
    )(embed)


def embed(
    sources: options.Sources,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)
    ] = None,
    width: Annotated[int, typer.Option("--width", min=1, max=64, help="Numbers of a vector.")] = 16,
    least: Annotated[int, typer.Option("--least", min=1, help="A service that fewer flows ask for gets none.")] = 5,
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="SERVICE",
            help="In place of learning: SOURCE is a file that was learnt; what lies nearest to 443, udp/53, icmp/8.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Services shown with --show.")] = 10,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learns vectors of services, or shows the nearest."""
    from oddflow.errors import UsageError
    from oddflow.models.port_vectors import PortVectors

    if (show is None) == (output is None):
        raise UsageError("expected either -o FILE to write to, or --show SERVICE and a file that was learnt")
    if output is not None:
        _learn(sources, output, width=width, least=least, seed=seed, as_json=as_json)
        return
    if len(sources) != 1:
        raise UsageError(f"--show looks at one file; {len(sources)} given")
    _show(PortVectors.read(sources[0]), show or "", limit, as_json=as_json)


def _learn(sources: list[str], output: str, *, width: int, least: int, seed: int, as_json: bool) -> None:
    from oddflow.cli import console
    from oddflow.files import check_place
    from oddflow.learning.port_vectors import learn_port_vectors, read_walks
    from oddflow.logs.source import arrange
    from oddflow.losses import Ledger

    check_place(output)
    ledger = Ledger()
    with console.reading(sources, "metering") as progress:
        walks = read_walks(arrange(sources, ledger), ledger, progress=progress)
    found = learn_port_vectors(walks, width=width, least=least, seed=seed)
    found.write(output)
    if as_json:
        told = {"file": output, "flows": len(walks.services), "left": walks.left, "services": len(found.services)}
        console.print_json(told | {"width": found.vectors.shape[1]})
        return
    console.say(f"vectors of {len(found.services):,} services from {len(walks.services):,} flows: {output}")
    if walks.left:
        console.say(f"{walks.left:,} later flows were left: so many are not needed")
    console.show_ledger(ledger)
    console.say(f"next: oddflow embed --show 443 {output}, or oddflow learn … --option embedding={output}")


def _show(found: "PortVectors", words: str, limit: int, *, as_json: bool) -> None:
    from oddflow.cli import console
    from oddflow.verdicts.words import service, service_number

    number = service_number(words, known=found.services.tolist())
    near = [(service(value), cosine) for value, cosine in found.nearest(number, limit)]
    if as_json:
        told = [{"service": name, "likeness": round(cosine, 4)} for name, cosine in near]
        console.print_json({"service": service(number), "nearest": told})
        return
    console.out.print(console.plain(f"{service(number)} is used like"))
    for name, cosine in near:
        console.out.print(console.plain(f"  {name:<16} {cosine:6.3f}"))
