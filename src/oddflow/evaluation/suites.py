"""The protocols of a folder: which belong to a suite, and where their results are kept."""

from collections.abc import Sequence
from pathlib import Path

from oddflow.errors import Unreadable, UsageError
from oddflow.evaluation.protocol import Protocol, Suite, read
from oddflow.evaluation.result import Result, Results
from oddflow.files import write_whole

PROTOCOLS = Path("benchmarks/protocols")
RESULTS = Path("benchmarks/results")
ALL = "all"


def protocols(suite: str, folder: Path = PROTOCOLS, *, only: Sequence[str] = ()) -> dict[Path, Protocol]:
    """The protocols of a suite by their files, in order of names.

    Args:
        suite: "papers", "anomaly", "quick" or "all".
        folder: Where they are.
        only: Names of files without their ending, to take alone.

    Raises:
        UsageError: There is no such suite, folder or protocol, or a file is none.
    """
    if suite not in {*Suite, ALL}:
        raise UsageError(f"there is no suite {suite!r}; there are {', '.join([*Suite, ALL])}")
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; run it where the repository is, or name one --protocol FILE")
    found = {path: read(path) for path in sorted(folder.glob("*.toml"))}
    chosen = {path: one for path, one in found.items() if suite in {ALL, one.suite}}
    unknown = [name for name in only if name not in {path.stem for path in chosen}]
    if unknown:
        known = ", ".join(path.stem for path in chosen) or "none"
        raise UsageError(f"the suite {suite} has no protocol {unknown[0]!r}; it has {known}")
    if not chosen:
        raise UsageError(f"{folder} holds no protocol of the suite {suite}")
    return {path: one for path, one in chosen.items() if not only or path.stem in only}


def earlier(name: str, folder: Path = RESULTS) -> Result | None:
    """The result that is kept of a protocol; None where there is none.

    Raises:
        UsageError: The file is none of ours.
    """
    path = folder / f"{name}.json"
    return read_results(path).results[0] if path.is_file() else None


def keep(result: Result, folder: Path = RESULTS) -> None:
    """Keeps a result beside those of other protocols.

    Raises:
        OutputError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{result.name}.json", Results(results=[result]).written())


def read_results(path: Path) -> Results:
    """Results from a file.

    Raises:
        Unreadable: It is not there.
        UsageError: It is none of ours.
    """
    try:
        return Results.read(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from None
