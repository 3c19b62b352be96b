"""Options of the commands that tell other systems."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from oddflow.outputs.outputs import OutputSettings
    from oddflow.verdicts.detection import Detection

PANEL = "Telling other systems"

To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="URL",
        help="Tell alerts there, each at least once; may be repeated: file:alerts.eve?format=eve, "
        "syslog+tls://host:6514?format=cef, https://host/hook#secret=env:NAME, "
        "smtp://user@host?from=A&to=B&password=env:NAME, kafka://host:9092/topic. "
        "Formats: json, eve, ecs, cef, idmef, stix, csv, text; about=incidents tells incidents instead.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
SpoolFolder = Annotated[
    str | None,
    typer.Option(
        "--spool",
        metavar="FOLDER",
        help="Keep here what a receiver has not taken, to go on after a stop or crash; a passing folder unless given.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
SpoolLimit = Annotated[
    float,
    typer.Option(
        "--spool-limit",
        metavar="MIB",
        min=0.0625,
        help="Most that waits for one receiver; what comes when that is full is turned away and counted.",
        rich_help_panel=PANEL,
    ),
]
DeliverFor = Annotated[
    float,
    typer.Option(
        "--deliver-for",
        metavar="SECONDS",
        min=0,
        help="How long the end waits for receivers that are slow or down.",
        rich_help_panel=PANEL,
    ),
]
LIMIT_MIB = 256.0
DELIVER_FOR_S = 30.0
MOST_LIVE_S = 45.0
"""A live worker is ended a minute after it was asked to end."""


def settings(to: list[str] | None, spool: str | None, limit: float, wait: float) -> "OutputSettings | None":
    """What is asked, checked before the work begins; None where nobody is to be told."""
    from oddflow.errors import UsageError
    from oddflow.outputs.outputs import OutputSettings

    if not to:
        if spool:
            raise UsageError("--spool was given without --to; name a receiver with it")
        return None
    return OutputSettings.of(to, spool, limit, wait)


class Telling:
    """The receivers of one run, or none."""

    def __init__(self, asked: "OutputSettings | None", owner: Any = None) -> None:
        from oddflow.cli import console
        from oddflow.outputs.outputs import Outputs

        self._outputs = Outputs(asked, console.say, owner) if asked else None

    def begin(self) -> None:
        """Starts with what waited."""
        if self._outputs:
            self._outputs.begin()

    def emit(self, items: Iterable[Any]) -> None:
        """Hands on alerts."""
        if self._outputs:
            self._outputs.emit(items)

    def abandon(self) -> None:
        """Ends at once, since something failed; what waits in a spool stays there."""
        if self._outputs:
            self._outputs.abandon()

    def close_after(self, detection: "Detection", rows: int | None, *, suppressed: bool, as_json: bool) -> bool:
        """Shows a detection and ends; a person need not wait for receivers. Whether nothing was turned away."""
        from oddflow.cli import console, show

        if not as_json:
            show.detection(detection, rows, suppressed=suppressed)
        outcomes = self.close()
        if as_json:
            console.print_json(
                show.as_dict(detection, suppressed=suppressed) | ({"outputs": outcomes} if self._outputs else {})
            )
        return not any(outcome["shed"] for outcome in outcomes)

    def close(self) -> list[dict[str, Any]]:
        """Waits, ends, and says how it went: for each receiver, as JSON values."""
        return [outcome.as_dict() for outcome in self._outputs.close()] if self._outputs else []
