"""Looks after the processes of the service: opens what they need, starts them, again when they die, ends them in order.

It has no thread, so that whatever it forks has whole locks; it reads no traffic and keeps CAP_NET_RAW alone, to open an
interface again that went away.
"""

import fcntl
import gc
import json
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from oddflow.errors import OddflowError, UsageError
from oddflow.files import reason_of
from oddflow.sensor import privileges
from oddflow.sensor.signals import waking
from oddflow.server.settings.settings import Settings
from oddflow.server.status import State
from oddflow.server.stream import replica, shipper
from oddflow.server.work import capture, judge, keeper, layout, modelled, notify, opening, receivers, web
from oddflow.server.work.job import Job
from oddflow.server.work.layout import Shared
from oddflow.server.work.prepare import prepare
from oddflow.server.work.problem import Problem
from oddflow.server.work.teller import read

LOOK_S = 0.25
BEGIN_S = 180.0
"""So long a process that begins may be silent."""
STAGES = (("capture", 30.0), ("judge", 60.0), ("keeper", 15.0), ("outputs", 15.0), ("web", 8.0))
"""How processes are ended, and how long each may take."""
HASTE_S = 2.0
OTHERS_S = 20.0
"""So long an earlier service may take to end before this one gives up."""


class Supervisor:
    """The service, from its start to its end.

    Args:
        settings: What was asked.
        show: Shown what a person must see at the start: where the pages are, and the link of the first account.
        patient: Waits for an interface that is not there yet, rather than to refuse it.

    Raises:
        UsageError: What was asked cannot be opened.
    """

    def __init__(self, settings: Settings, *, show: Callable[[str], None], patient: bool = True) -> None:
        self._settings = settings
        self._show = show
        self._patient = patient
        self._log = logging.getLogger("oddflow.work")
        self._since_s = time.time()
        self._stopping = self._hasty = self._reload = False
        self._jobs: list[Job] = []
        self._blind = False
        self._account = _account(settings)
        state = settings.service.state
        opening.state_folder(state)
        self._lock = _alone(state, self._log)
        self.shared = Shared.of(settings)
        self._sources = [opening.Source(source, self._say_of(source.name)) for source in settings.sources]
        with ExitStack() as opened:
            opened.callback(os.close, self._lock)
            for source in self._sources:
                opened.callback(source.close)
            self.web = opened.enter_context(opening.web_socket(settings.web.listen))
            self._tls = web.tls_of(settings)
            self._open()
            opened.pop_all()  # nothing was refused

    def _open(self) -> None:
        for source in self._sources:
            try:
                source.open()
            except OddflowError as error:
                if (
                    not self._patient
                    or source.section.kind != "interface"
                    or Path(f"/sys/class/net/{source.section.where}").exists()
                ):
                    raise
                self._log.error("%s; waiting for it", error, extra={"source": source.section.name})

    @property
    def address(self) -> str:
        """Where the pages are answered, as a URL."""
        host, port = self.web.getsockname()[:2]
        scheme = "https" if self._tls else "http"
        return self._settings.web.public_url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self) -> int:
        """Runs until a signal ends it; the exit code."""
        with waking(self._heard, signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as wake:
            self._begin()
            try:
                while not self._stopping:
                    self._wait(wake)
                    self._look()
                self._drain(wake)
            finally:
                gc.unfreeze()
                for job in self._jobs:
                    job.signal(signal.SIGKILL)
                for source in self._sources:
                    source.close()
                self.web.close()
        return 0

    # -- the beginning

    def _begin(self) -> None:
        link = prepare(self._settings)
        if self._account is not None and self._account.uid != os.geteuid():
            _give(self._settings.service.state, self._account)
            self._blind = not self._account.may(os.R_OK, Path(os.__file__))
            if self._blind:
                self._load()
        gc.collect()
        gc.freeze()  # what the processes share stays shared
        self._jobs = self._plan()
        self._start_due()
        privileges.drop(self._account, keep=(privileges.NET_RAW,))
        self._show(f"Oddflow answers at {self.address}")
        if link:
            self._show(f"Nobody has an account yet. Make the first one here, once, within a day:\n  {link}")
        for source in self._settings.sources:
            judged = f"judged by {source.model}" if source.model else "kept, and not judged: it has no model"
            then = f"shipped to {source.ship}" if source.ship else judged
            self._show(f"{source.name}: {source.kind} {source.where}, {then}")
        notify.notify(f"READY=1\nSTATUS={len(self._settings.sources)} sources")
        self._watchdog_s, self._watchdog_due_s = notify.watchdog_s(), 0.0

    def _load(self) -> None:
        """Whom the processes will be may not read our libraries: what can be is loaded now."""
        web.load()
        for source in self._settings.sources:
            with suppress(OddflowError):
                modelled.Modelled.of(self._settings, source)

    def _plan(self) -> list[Job]:
        loads = {"judge": judge.load, "replica": replica.load, "shipper": shipper.load} if self._blind else {}
        jobs = [Job("web", "web", layout.WEB, -1, web.live, lambda: (self.web, self._tls))]
        jobs.append(Job("keeper", "keeper", layout.KEEPER, -1, keeper.live, silence_s=keeper.SILENCE_S))
        jobs.append(Job("outputs", "outputs", layout.OUTPUTS, -1, receivers.live))
        for place, source in enumerate(self._sources):
            name = source.section.name
            slot = layout.judge_slot(place)
            if source.section.kind == "stream":
                jobs.append(Job(f"replica {name}", "judge", slot, place, replica.live, load=loads.get("replica")))
                continue
            if source.section.ship is not None:
                jobs.append(
                    Job(f"shipper {name}", "judge", slot, place, shipper.live, _end_of(source), loads.get("shipper"))
                )
            else:
                jobs.append(Job(f"judge {name}", "judge", slot, place, judge.live, _end_of(source), loads.get("judge")))
            jobs.append(
                Job(f"capture {name}", "capture", layout.capture_slot(place), place, capture.live, source.for_capture)
            )
        return jobs

    def _foreign(self, job: Job | None) -> list[socket.socket | int]:
        """What is not a process's: lines of others, ends of channels, the sockets of the web."""
        found: list[socket.socket | int] = [one.line for one in self._jobs if one.line is not None]
        found += [one.handle for one in self._jobs if one.handle >= 0]
        for place, source in enumerate(self._sources):
            into, out = source.foreign()
            if job is None or job.source != place or job.kind != "capture":
                found.append(into)
            if job is None or job.source != place or job.kind != "judge":
                found.append(out)
        if job is None or job.kind != "web":
            found.append(self.web)
        return found

    # -- while it runs

    def _wait(self, wake: socket.socket) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        for job in self._jobs:
            if job.handle >= 0:
                poll.register(job.handle, select.POLLIN)
        poll.poll(LOOK_S * 1_000)
        with suppress(BlockingIOError):
            wake.recv(64)

    def _look(self) -> None:
        self._reap()
        self._end_hung()
        if self._reload:
            self._reload = False
            self._reread()
        if not self._stopping:
            self._start_due()
        for place, source in enumerate(self._sources):
            source.look(next((job.line for job in self._jobs if job.source == place and job.kind == "capture"), None))
        self._tell()
        if self._watchdog_s and time.monotonic() >= self._watchdog_due_s:
            self._watchdog_due_s = time.monotonic() + self._watchdog_s
            notify.notify("WATCHDOG=1")

    def _start_due(self) -> None:
        now = time.monotonic()
        for job in self._jobs:
            if job.pid or now < job.due_s:
                continue
            try:
                job.start(self.shared, self._account if os.geteuid() == 0 else None, self._foreign(job))
            except OddflowError as error:
                if str(error) != job.problem:
                    self._log.error("%s: %s", job.name, error, extra={"event": "not-started"})
                job.problem = str(error)
                job.due_s = now + job.pause_s
                job.pause_s = min(2 * job.pause_s, 5.0)
                continue
            if isinstance(job.given, capture.Opened):
                self._sources[job.source].given(job.given)
                job.given = None
            if job.restarts:
                self._log.info("%s runs again", job.name, extra={"event": "restarted", "restarts": job.restarts})

    def _reap(self) -> None:
        for job in self._jobs:
            how = job.reap()
            if how is None:
                continue
            lost = self.shared.counters.judge_died(job.source) if job.kind == "judge" else 0
            job.problem = how
            if how:
                text = f"{job.name} {how}" + (f"; {lost:,} flows were lost with it" if lost else "")
                self._log.error("%s", text, extra={"event": "died", "restarts": job.restarts})

    def _end_hung(self) -> None:
        now = time.monotonic()
        for job in self._jobs:
            if not job.pid:
                continue
            silent_s = self.shared.counters.silent_s(job.slot)
            hangs = silent_s > job.silence_s if silent_s is not None else now - job.begun_s > BEGIN_S
            if hangs:
                self._log.error("%s hangs; it is ended", job.name, extra={"event": "hung"})
                job.signal(signal.SIGKILL)
            elif silent_s is not None and job.problem and now - job.begun_s > 5:
                job.problem = ""

    def _reread(self) -> None:
        """Models, lists and the certificate are read again; what else the settings say holds from the next start on."""
        self._log.info("asked to read anew: models, lists and the certificate", extra={"event": "reread"})
        try:
            self._tls = web.tls_of(self._settings)
        except OddflowError as error:
            self._log.warning("the certificate stays as it was: %s", error, extra={"event": "reread"})
        for job in self._jobs:
            if job.kind == "judge":
                job.signal(signal.SIGHUP)
            elif job.kind == "web" and self._tls is not None:
                job.signal(signal.SIGTERM)

    def _tell(self) -> None:
        now = time.time()
        by_source: dict[str, list[list[str]]] = {}
        problems: list[Problem] = []
        for job in self._jobs:
            if not job.problem:
                continue
            text = f"{job.name} {job.problem}" if not job.pid else f"{job.name} was started again: {job.problem}"
            problem = Problem("worker" if not job.pid else "restart", text, "error" if not job.pid else "warning")
            if job.source >= 0:
                by_source.setdefault(self._settings.sources[job.source].name, []).append(problem.as_list())
            else:
                problems.append(problem)
        for source in self._sources:
            if source.problem:
                told = Problem("interface", source.problem, "error").as_list()
                by_source.setdefault(source.section.name, []).append(told)
        state = State.STOPPING if self._stopping else State.RUNNING
        self.shared.board.tell(layout.SUPERVISOR, json.dumps(
            {
                "since_s": self._since_s, "told_s": now, "state": state, "sources": by_source,
                "problems": [problem.as_list() for problem in problems],
                "workers": [self._worker(job, now) for job in self._jobs],
            }
        ))  # fmt: skip

    def _worker(self, job: Job, now_s: float) -> dict[str, Any]:
        state = State.DOWN if not job.pid else State.RUNNING
        silent_s = self.shared.counters.silent_s(job.slot)
        if job.pid and silent_s is None:
            state = State.STARTING
        return {
            "name": job.name, "kind": job.kind, "pid": job.pid, "state": State.STOPPING if self._stopping else state,
            "restarts": job.restarts, "since_s": job.since_s, "told_s": now_s - (silent_s or 0.0),
            "memory_bytes": read(self.shared.board, job.slot).get("memory_bytes", 0),
            "problems": [job.problem] if job.problem else [],
        }  # fmt: skip

    def _say_of(self, name: str) -> Callable[[str], None]:
        return lambda text: self._log.warning("%s", text, extra={"source": name, "event": "interface"})

    # -- the end

    def _drain(self, wake: socket.socket) -> None:
        """Ends all in the order in which flows pass, so that what came is judged, stored and told."""
        notify.notify("STOPPING=1")
        self._log.info("ending: what came is judged and stored first", extra={"event": "stopping"})
        for kind, patience_s in STAGES:
            jobs = [job for job in self._jobs if job.kind == kind]
            for job in jobs:
                job.signal(signal.SIGTERM)
            until = time.monotonic() + patience_s
            while any(job.pid for job in jobs):
                self._wait(wake)
                self._reap()
                self._tell()
                if self._hasty:
                    until = min(until, time.monotonic() + HASTE_S)
                    self._hasty = False
                if time.monotonic() >= until:
                    for job in jobs:
                        job.signal(signal.SIGKILL)
                    until = time.monotonic() + HASTE_S

    def _heard(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._hasty = self._stopping
            self._stopping = True


def _end_of(source: opening.Source) -> Callable[[], socket.socket]:
    return lambda: source.out


def _account(settings: Settings) -> privileges.Account | None:
    """Whom the processes shall be; None where we are not root."""
    if os.geteuid() != 0:
        return None
    section = settings.service
    if "user" in section.model_fields_set:
        return privileges.Account.named(section.user)
    try:
        return privileges.Account.named(section.user)
    except UsageError:
        return privileges.account_for(None, section.state if section.state.exists() else None)


def _give(state: Path, account: privileges.Account) -> None:
    """Makes the state folder an account's, with all that is in it."""
    for place in (state, *state.rglob("*")):
        os.chown(place, account.uid, account.gid, follow_symlinks=False)


def _alone(state: Path, log: logging.Logger) -> int:
    """A lock that this service and its processes hold; waits a while for an earlier one to end.

    Raises:
        UsageError: Another service runs there.
    """
    try:
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise UsageError(
            f"the state folder {state} cannot be written: {reason_of(error)}; let it belong to who runs the service"
        ) from None
    until, said = time.monotonic() + OTHERS_S, False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(lock)
                raise UsageError(
                    f"another service runs in {state}; end that one, or name another state folder"
                ) from None
            if not said:
                log.info("waiting for an earlier service to end", extra={"event": "waiting"})
                said = True
            time.sleep(0.05)
        else:
            return lock
