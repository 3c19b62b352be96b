"""The costs of batch jobs as a file, and how fast so many workers would be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oddflow.bench.simulation.batch import DEALT, KINDS, PIPED, Dealt, Job, JobCosts, Piped
from oddflow.bench.simulation.measurements import number, read_measurements
from oddflow.bench.simulation.page import Part
from oddflow.errors import InputError, UsageError

MEASURED_JOBS = Path(__file__).with_name("measured_jobs.json")
"""What `oddflow bench scale` found where the tables of docs/scale.md were made."""
FEWEST_DEALT = 10
"""With so many workers a job deals packets out: `cluster.folder.WORTH_DEALING`."""
WORKERS = (2, 4, 8, 16, 32, 64)
READ_BYTES = 20e9
TERABYTE = 1e12


def read_jobs(path: Path | str | None = None) -> dict[str, JobCosts]:
    """From the JSON that `oddflow bench scale -o` writes; those that ship with Oddflow unless another is named.

    Raises:
        InputError: The file cannot be read, or lacks a figure, or one is none.
    """
    place = MEASURED_JOBS if path is None else Path(path)
    _, jobs = read_measurements(place, "jobs", "oddflow bench scale")
    if missing := {PIPED, DEALT} - set(jobs):
        raise InputError(
            f"{place}: jobs lack {' and '.join(sorted(missing))}; expected what oddflow bench scale writes"
        )
    return {name: _costs(place, jobs[name]) for name in (PIPED, DEALT)}


def _costs(place: Path, told: Any) -> JobCosts:
    kinds = told.get("byte_s") if isinstance(told, dict) else None
    if not isinstance(kinds, dict) or not kinds or not set(kinds) <= set(KINDS):
        raise InputError(f"{place}: byte_s is {str(kinds)[:80]}; expected seconds by the kinds of tasks")
    numbers = {name: number(place, told, name) for name in ("save_s", "gap_s", "others", "busy_speed")}
    try:
        return JobCosts({kind: number(place, kinds, kind) for kind in kinds}, **numbers)
    except UsageError as error:
        raise InputError(f"{place}: {error}") from None


def scaled(jobs: Mapping[str, JobCosts]) -> Part:
    """How fast so many workers, each with a core of its own, would read captures."""
    rows = []
    for workers in WORKERS:
        job: Job = Dealt(READ_BYTES, shards=workers) if workers >= FEWEST_DEALT else Piped(READ_BYTES)
        ran = job.run(jobs[DEALT if workers >= FEWEST_DEALT else PIPED], workers)
        busy = sum(count * seconds for count, seconds in ran.busy_s.items()) / workers / ran.seconds
        rate = READ_BYTES / ran.seconds
        rows.append([str(workers), f"{rate / 1e9:.2f}", f"{TERABYTE / rate / 60:,.0f}", f"{busy:.0%}"])
    return ["workers", "GB a second", "minutes for a terabyte", "of their time they are at work"], rows
