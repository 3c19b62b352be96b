"""How Oddflow speaks: results to standard output, everything else to standard error."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from oddflow.losses import Ledger

PIPED_COLUMNS = 120
"""Width of tables where nobody says how wide the page is."""

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_COLUMNS)
err = Console(stderr=True, highlight=False)


def say(text: str = "") -> None:
    """A line for the person at the terminal."""
    err.print(plain(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(text: str) -> Text:
    """Text from the traffic: shown as it is, without markup or control characters."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


@contextmanager
def reading(sources: Sequence[str], what: str) -> Iterator[Any]:
    """A progress bar over the bytes of the sources; gives the function that moves it."""
    paths = [path for source in sources for path in _files(Path(source))]
    total = sum(path.stat().st_size for path in paths)
    packed = any(path.suffix in {".gz", ".zst"} for path in paths)
    with moving(None if packed or not total else total, what) as moved:
        yield moved


@contextmanager
def moving(total: int | None, what: str) -> Iterator[Any]:
    """A progress bar over bytes, how many in all where that is known; gives the function that moves it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def counting(what: str) -> Iterator[Any]:
    """A progress bar over things that are done one by one; gives the function that moves it, told what was done."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def told(done: int, total: int, said: str) -> None:
            progress.update(task, completed=done, total=total, description=f"{what}: {said}")

        yield told


def _files(path: Path) -> list[Path]:
    inside = sorted(path.iterdir()) if path.is_dir() and os.access(path, os.R_OK | os.X_OK) else [path]
    return [file for file in inside if file.is_file()]


@contextmanager
def epochs(most: int = 0, *, silent: bool = False) -> Iterator[Any]:
    """How learning goes, to watch; gives the function that is told of each epoch.

    Args:
        most: Epochs that a fit may have; 0 where that is not known.
        silent: Shows nothing: a machine reads along.
    """
    if silent:
        yield lambda epoch: None  # noqa: ARG005
        return
    from oddflow.cli.learning_view import LearningView

    with LearningView(err, most) as view:
        yield view


def show_ledger(ledger: Ledger) -> None:
    """The loss ledger in one to a few lines."""
    used = "metered" if ledger.unit == "packets" else "used"
    say(f"{ledger.unit} in {ledger.total:,} = {used} {ledger.metered:,} + lost {ledger.lost_total:,}")
    for reason, count in ledger.reasons.most_common():
        say(f"  lost {count:,}: {ledger.told(reason)}")
    if ledger.evicted_flows:
        say(f"  {ledger.evicted_flows:,} flows ended early: more than --max-flows were open")
    for reason, count in ledger.unread.most_common():
        say(f"  first bytes of {count:,} flows not read: {reason}")
    for damage in ledger.damages:
        say(f"  damaged: {damage}")
    for note in ledger.notes:
        say(f"  {note}")
