"""The captures that people sent: they wait in line, one is judged at a time, and after some days all are forgotten."""

import logging
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from oddflow.errors import OddflowError, OutputError, UsageError
from oddflow.files import reason_of
from oddflow.models.registry.named import reference
from oddflow.models.registry.registry import Registry, open_name
from oddflow.server.settings.settings import Settings
from oddflow.server.store.store import Store
from oddflow.server.store.uploads import Upload
from oddflow.server.uploads.judge import NotJudged, judge, report_of
from oddflow.server.uploads.judging import UploadJob
from oddflow.server.uploads.receiving import receive, shown_name
from oddflow.verdicts.budget import DEFAULT_BUDGET

CAPTURE, MODEL = "capture", "model"
MOST_WAITING = 16
LOOK_S = 2.0
SWEEP_S = 3_600.0
DAY_S = 86_400.0
_LOG = logging.getLogger("oddflow.uploads")


class Uploads:
    """Takes captures and has them judged, in a thread of its own while there are any.

    Args:
        settings: Of the service.
        store: Where what became of them is kept.
        registry: Where models are found.
    """

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:
        self._settings, self._store, self._registry = settings, store, registry
        self.folder = settings.uploads_folder
        self._fresh, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def most_bytes(self) -> int:
        """So large may one be."""
        return self._settings.uploads.most_mib << 20

    @property
    def default_model(self) -> str:
        """What judges where nothing is named: the model of the first source that has one."""
        return next((source.model for source in self._settings.sources if source.model), "")

    async def take(self, stream: AsyncIterator[bytes], *, user: str, name: str, model: str) -> Upload:
        """Writes what comes to disk, and puts it in line.

        Args:
            stream: What comes, piece by piece.
            user: Who sends it.
            name: What they call it.
            model: What shall judge it: a model of the registry; empty for the capture itself.

        Raises:
            TooLarge: More comes than is taken.
            UsageError: Nothing came, or there is no such model.
            OutputError: It cannot be written, or enough wait.
        """
        await run_in_threadpool(self._check, model)
        upload_id = secrets.token_hex(8)
        folder = self.folder / upload_id
        try:
            folder.mkdir(parents=True, mode=0o700)
            received = await receive(stream, folder / CAPTURE, self.most_bytes)
            if not received.size_bytes:
                raise UsageError("nothing was sent; the capture is the whole body")  # noqa: TRY301  (its folder goes, too)
            (folder / MODEL).write_text(model, "utf-8")
            taken = await run_in_threadpool(
                self._store.uploads.add, user, shown_name(name), received.size_bytes, received.sha256, upload_id
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise OutputError(f"the capture cannot be kept: {reason_of(error)}; make room") from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.begin()
        return taken

    def begin(self) -> None:
        """Judges what waits, and what was interrupted."""
        with self._lock:
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
                self._thread.start()
        self._fresh.set()

    def close(self) -> None:
        """Ends what is being judged; it is judged anew when the service begins again."""
        self._stop.set()
        self._fresh.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def report(self, upload_id: str) -> str | None:
        """The page of one that is done; None where there is none. `upload_id` is one of the store's."""
        return report_of(self.folder / upload_id)

    def forget(self, upload_id: str) -> None:
        """Deletes one of the store's, with its report; one that is being judged ends without a verdict."""
        self._store.uploads.remove(upload_id)
        shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def _check(self, model: str) -> None:
        self.model_file(model)
        if len(self._store.uploads.in_state("waiting")) >= MOST_WAITING:
            raise OutputError(f"{MOST_WAITING} captures wait to be judged; send it when some are done")

    def model_file(self, name: str) -> tuple[str, str]:
        """The file of a model of the registry, and what it is called; both empty for none.

        Raises:
            UsageError: There is none such.
            ModelError: It is not what was added.
        """
        if not name:
            return "", ""
        if name not in {source.model for source in self._settings.sources} and reference(name) is None:
            raise UsageError(f"{name[:80]!r} is no name of a model; expected one like office or office@3")
        path, called = open_name(name, self._registry.folder)
        return path, called

    def _run(self) -> None:
        swept_s = 0.0
        self._again()
        while not self._stop.is_set():
            try:
                if time.monotonic() - swept_s > SWEEP_S or not swept_s:
                    swept_s = time.monotonic()
                    self.sweep(time.time())
                for upload in self._store.uploads.in_state("waiting"):
                    if self._stop.is_set():
                        return
                    self._judge(upload)
            except OddflowError as error:
                _LOG.warning("captures that were sent wait: %s", error)
            self._fresh.wait(LOOK_S)
            self._fresh.clear()

    def _again(self) -> None:
        """What a service that ended was judging waits once more."""
        try:
            for upload in self._store.uploads.in_state("running"):
                self._store.uploads.update(upload.id, state="waiting")
        except OddflowError as error:
            _LOG.warning("captures that were being judged are not known: %s", error)

    def _judge(self, upload: Upload) -> None:
        folder = self.folder / upload.id
        self._say(upload, state="running")
        try:
            result = judge(self._job(upload, folder), self._stop)
        except (OddflowError, OSError) as error:
            if self._stop.is_set():
                self._say(upload, state="waiting")
                return
            why = str(error) if isinstance(error, OddflowError) else f"it cannot be judged: {reason_of(error)}"
            self._say(upload, state="failed", problem=why)
            (folder / CAPTURE).unlink(missing_ok=True)
            return
        self._say(upload, state="done", result=result.model_dump(mode="json"))
        (folder / CAPTURE).unlink(missing_ok=True)  # the verdict is what was asked for; strangers' bytes need not stay

    def _say(self, upload: Upload, **values: Any) -> None:
        """How it is now; where it was forgotten meanwhile, there is nobody to tell."""
        with suppress(UsageError):
            self._store.uploads.update(upload.id, **values)

    def _job(self, upload: Upload, folder: Path) -> UploadJob:
        if not (folder / CAPTURE).is_file():
            raise NotJudged("its file is gone; send it again")
        model, called = self.model_file((folder / MODEL).read_text("utf-8"))
        bounds = self._settings.uploads
        return UploadJob(
            capture=folder / CAPTURE,
            called=upload.name,
            folder=folder,
            model=model,
            model_name=called,
            budget=DEFAULT_BUDGET,
            memory_bytes=bounds.most_memory_mib << 20,
            seconds=bounds.most_seconds,
        )

    def sweep(self, now_s: float) -> int:
        """Forgets what is older than it is kept, and folders that nothing names; how many."""
        before_s = now_s - DAY_S * self._settings.uploads.keep_days
        gone = self._store.uploads.remove_before(before_s)
        for upload in gone:
            shutil.rmtree(self.folder / upload.id, ignore_errors=True)
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder.stat().st_mtime < before_s and self._store.uploads.get(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)
        return len(gone)
