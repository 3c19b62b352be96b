"""The `oddflow` command. Heavy imports wait inside the commands, so that --help answers at once."""

import errno
import gc
import os
import sys

import typer

from oddflow import __version__
from oddflow.cli import (
    accounts,
    bench,
    curves,
    datasets,
    detect,
    detectors,
    doctor,
    embed,
    evaluate,
    explain,
    extract,
    feedback,
    flows,
    init,
    inspect,
    keys,
    learn,
    models,
    search,
    send,
    serve,
    store,
    triage,
    tune,
    watch,
)
from oddflow.cli import demo as demo_command
from oddflow.errors import OddflowError

app = typer.Typer(
    name="oddflow",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Learns what normal traffic looks like on a network and shows the flows that do not fit.\n\n"
    "[bold]First steps[/bold]\n\n"
    "  oddflow demo                                  see it work\n\n"
    "  oddflow detect today.pcap                     a first look, without a model\n\n"
    "  oddflow learn normal.pcap -o office.oddflow   learn what is normal\n\n"
    "  oddflow detect today.pcap -m office.oddflow --report today.html\n\n"
    "  oddflow serve -i eth0 -m office.oddflow       watch for months, with pages and an API",
    epilog="Exit codes: 0 done; 1 internal error; 2 nothing could be read, or the call was wrong; "
    "3 part of the input was lost and --strict was given; 4 alerts found and --fail-on-alert was given; "
    "5 a figure of an evaluation left its earlier interval; "
    "130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oddflow {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    pass


for command in (
    detect,
    watch,
    learn,
    tune,
    triage,
    curves,
    embed,
    flows,
    search,
    evaluate,
    explain,
    extract,
    send,
    feedback,
    inspect,
    models,
    detectors,
    datasets,
    keys,
    init,
    doctor,
    bench,
    demo_command,
    serve,
    accounts,
    store,
):
    command.register(app)


def main() -> None:
    """Runs the command and turns what went wrong into one message and the documented exit code."""
    _open_closed_streams()
    # most of what imports make stays; looking for garbage among it takes a tenth of the start
    gc.set_threshold(100_000)
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            _end_quietly()
        if isinstance(end.__context__, KeyboardInterrupt) or end.code == 130:
            _fail("interrupted", 130)
        raise
    except OddflowError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        _end_quietly()
    except MemoryError:
        _fail("out of memory; lower --max-flows, or read less at a time", 1)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(f"the disk is full: {error.filename or 'standard output'}; make room, or write elsewhere", 2)
        if error.filename:
            _fail(f"{error.filename}: {error.strerror}; check the path and its permissions", 2)
        _internal(error)
    except Exception as error:  # noqa: BLE001  (the last line of defence: a message, never a traceback)
        _internal(error)


def _open_closed_streams() -> None:
    """Puts /dev/null where a standard stream is closed: nothing else then takes its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _end_quietly() -> None:
    """Whoever read our output has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _internal(error: Exception) -> None:
    if os.environ.get("ODDFLOW_DEBUG"):
        raise error
    _fail(f"internal error: {type(error).__name__}: {error}\nset ODDFLOW_DEBUG=1 to see where; please report it", 1)


def _fail(message: str, code: int) -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stderr.write(f"oddflow: {_printable(message)}\n")
    sys.exit(code)


def _printable(message: str) -> str:
    """A message may quote a file name or a file: no control character in it reaches the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in message)


if __name__ == "__main__":
    main()
