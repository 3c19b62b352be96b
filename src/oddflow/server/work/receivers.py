"""The process that tells receivers: alerts and incidents out of the store, after a cursor that is in the store, too."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from oddflow.errors import OddflowError
from oddflow.outputs.outputs import Outputs, OutputSettings
from oddflow.server.settings.settings import Settings
from oddflow.server.status import State
from oddflow.server.work.problem import Problem
from oddflow.server.work.seat import Seat
from oddflow.server.work.stores import open_store
from oddflow.server.work.teller import Teller
from oddflow.verdicts.incidents.incident import Incident

if TYPE_CHECKING:
    from pathlib import Path

    from oddflow.server.store.store import Store

LOOK_S = 0.5
RETRY_S = 2.0
MOST = 500
END_S = 5.0
MOST_KNOWN = 10_000


def live(seat: Seat) -> int:
    """Tells until it is asked to end."""
    seat.on_end()
    teller = Teller(seat.shared.board, seat.slot)
    if not seat.shared.settings.outputs:
        while not seat.stopping:
            seat.beat()
            teller.tell({"state": State.RUNNING, "outputs": []})
            time.sleep(LOOK_S)
        return 0
    return _Receivers(seat, teller).run()


class _Receivers:
    def __init__(self, seat: Seat, teller: Teller) -> None:
        self._seat = seat
        self._teller = teller
        self._settings: Settings = seat.shared.settings
        self._problem = ""
        self._store: Store | None = None
        self._known: dict[str, tuple[int, int, str]] = {}
        self._tell()
        self._outputs = Outputs(output_settings(self._settings), self._say)
        self._outputs.begin()

    def run(self) -> int:
        while not self._seat.stopping:
            self._seat.beat()
            more = self._pass_on()
            self._tell()
            if not more and not self._seat.stopping:
                time.sleep(RETRY_S if self._problem else LOOK_S)
        self._pass_on()
        self._outputs.close()
        self._tell()
        if self._store is not None:
            self._store.close()
        return 0

    def _pass_on(self) -> bool:
        """Hands on what is new in the store; whether there may be more."""
        try:
            if self._store is None:
                self._store = open_store(self._settings)
            alerts, incidents = self._cursor("alerts"), self._cursor("incidents")
            new = self._store.alerts.after(alerts, MOST)
            grown = self._store.incidents.after(incidents, MOST)
            mine = self._settings.service.name
            # what people said of an alert since changes its number, too
            self._outputs.emit(one.alert for one in new if one.sensor == mine and one.born > alerts)
            self._outputs.emit(
                one.incident
                for one in grown
                if one.sensor == mine and not one.merged_into and self._is_worth(one.incident)
            )
            # in the receivers' queues, on the disk: only now are they behind us
            if new:
                self._store.cursors.set(self._named("alerts"), new[-1].seq)
            if grown:
                self._store.cursors.set(self._named("incidents"), grown[-1].seq)
            self._problem = ""
        except OddflowError as error:
            self._problem = str(error)
            if self._store is not None:
                with suppress(OddflowError):
                    self._store.close()
                self._store = None
            return False
        return len(new) == MOST or len(grown) == MOST

    def _is_worth(self, incident: Incident) -> bool:
        """Whether receivers are told: it is new, or has a stage more, another severity or twice the alerts."""
        now = incident.alerts, incident.stage_count, incident.severity.value
        before = self._known.get(incident.id)
        if before and now[0] < 2 * before[0] and now[1] <= before[1] and now[2] == before[2]:
            return False
        self._known.pop(incident.id, None)
        self._known[incident.id] = now
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return True

    def _named(self, what: str) -> str:
        return f"outputs {self._settings.service.name} {what}"

    def _cursor(self, what: str) -> int:
        assert self._store is not None  # noqa: S101  (it was opened)
        return self._store.cursors.get(self._named(what))

    def _tell(self) -> None:
        problems = [Problem("store", f"receivers are told nothing new: {self._problem}")] if self._problem else []
        outcomes = self._outputs.outcomes() if hasattr(self, "_outputs") else []
        told = [
            {
                "to": one.to, "delivered": one.delivered, "waiting": one.waiting, "shed": one.shed,
                "refused": one.refused, "problem": one.problem,
            }
            for one in outcomes
        ]  # fmt: skip
        problems += [
            Problem("output", f"{one.to} cannot be told: {one.problem}; {one.waiting:,} wait")
            for one in outcomes
            if one.problem
        ]
        state = State.DEGRADED if problems else State.RUNNING
        self._teller.tell({"state": state, "outputs": told}, problems)

    def _say(self, text: str) -> None:
        self._seat.log.warning("%s", text, extra={"event": "output"})


def output_settings(settings: Settings) -> OutputSettings:
    """Receivers as the settings name them.

    Raises:
        UsageError: A URL is wrong.
    """
    most = max((output.limit_mib for output in settings.outputs), default=256.0)
    folder: Path = settings.spool_folder / "outputs"
    return OutputSettings.of([output.to for output in settings.outputs], str(folder), most, END_S)
