"""`oddflow doctor`: what this machine has, what the limits cost, and whether a service's settings fit it."""

from typing import Annotated, Any

import typer

from oddflow.cli import extras, options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="doctor",
        help="Check this machine: kernels, extras, memory of each limit. With the settings of a service, check those "
        "against it: interfaces, rights, models, the certificate, the store, the disk, memory. Exits with 2 where "
        "something cannot work.",
    )(doctor)


def doctor(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]", help="The settings of a service, as `oddflow init` writes them.", show_default=False
        ),
    ] = None,
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile all kernels now, so that later starts are quick.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Prints what was found; --warm fills the cache of compiled kernels."""
    from oddflow.cli import console

    if config is not None:
        if warm:
            _warm()
        _examine(config, as_json=as_json)
        return

    found = _found(warm=warm)
    if as_json:
        console.print_json(found)
        return
    for name, value in found.items():
        console.out.print(console.plain(f"{name.replace('_', ' '):<28} {value}"), soft_wrap=True)


def _examine(config: str, *, as_json: bool) -> None:
    extras.need_server()
    from oddflow.amounts import count
    from oddflow.cli import console
    from oddflow.server.doctor.examine import examine
    from oddflow.server.doctor.findings import Level
    from oddflow.server.settings.read import read

    reading = read(config)
    findings = examine(reading.settings, reading.remarks, config)
    faults, warnings = findings.count(Level.FAULT), findings.count(Level.WARNING)
    if as_json:
        console.print_json({"config": config, **findings.as_dict()})
    else:
        for finding in findings.found:
            advice = f"; {finding.advice}" if finding.advice else ""
            line = f"{finding.level.value:<8} {finding.about}: {finding.text}{advice}"
            console.out.print(console.plain(line), soft_wrap=True)
        console.say(f"{count(faults, 'fault')}, {count(warnings, 'warning')}")
    if faults:
        raise typer.Exit(2)


def _found(*, warm: bool) -> dict[str, Any]:
    import os
    import platform
    from importlib.util import find_spec
    from time import perf_counter

    from oddflow import __version__, jit
    from oddflow.features.context import ContextSettings
    from oddflow.flows.settings import MeterSettings
    from oddflow.verdicts.collective.groups import GROUP_BYTES, GroupSettings

    found: dict[str, Any] = {
        "oddflow": __version__,
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel_cache": str(jit.cache_folder()) if jit.CACHED else "none: its folder cannot be written",
        "kernels_cached": sum(1 for _ in jit.cache_folder().rglob("*.nbc")) if jit.CACHED else 0,
        "torch": "installed" if find_spec("torch") else "absent: pip install 'oddflow[train]' to learn networks",
        "memory_of_open_flows": f"{2e-3 * MeterSettings().max_flows + 40:.0f} MB at most (--max-flows)",
        "memory_of_context": f"{0.6e-3 * ContextSettings().max_flows * 2:.0f} MB at most, two windows",
        "memory_of_groups": f"{GROUP_BYTES * GroupSettings().max_groups / 1e6:.0f} MB (--max-groups)",
    }
    if warm:
        start = perf_counter()
        _warm()
        found["kernels_ready_in"] = f"{perf_counter() - start:.1f} s"
    return found


def _warm() -> None:
    """Importing a kernel's module compiles it or loads it."""
    import importlib

    from oddflow import jit

    for name in jit.kernel_modules():
        importlib.import_module(name)
