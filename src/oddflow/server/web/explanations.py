"""Explanations of alerts by the models that made them: one at a time, kept for whoever asks next."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from pathlib import Path

import numpy as np

from oddflow.errors import OddflowError, SchemaMismatch, UsageError
from oddflow.models.registry.registry import Registry, open_name
from oddflow.models.sealed import SealedModel
from oddflow.server.settings.settings import Settings
from oddflow.server.web.problems import Problem
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.explaining.explaining import explain
from oddflow.verdicts.explaining.explanation import Explanation

MOST_KEPT = 256
MOST_MODELS = 4
MOST_WAITING = 8
WAIT_S = 10.0
SAME_SCORE = 1e-3


class Explanations:
    """Explains alerts in a thread of its own, so that no more than one is worked at.

    Args:
        settings: Which source is judged by which model.
        registry: Where earlier versions are.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings, self._registry = settings, registry
        self._kept: OrderedDict[tuple[str, str], Explanation] = OrderedDict()
        self._models: OrderedDict[str, SealedModel] = OrderedDict()
        self._working: dict[tuple[str, str], Future[Explanation]] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="explain")

    def of(self, alert: Alert, source: str, *, wait_s: float = WAIT_S) -> Explanation:
        """All that the alert's model says of it.

        Args:
            alert: As it is stored.
            source: Of this service, that it came from.
            wait_s: After so long whoever asks is told to ask again; the work goes on.

        Raises:
            Problem: It takes longer than that, or too many wait.
            UsageError: Nothing more can be said of it.
            ModelError: Its model is gone, or is none.
        """
        key = source, alert.id
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            if key not in self._working:
                if len(self._working) >= MOST_WAITING:
                    raise _not_yet("too many alerts are being explained")
                self._working[key] = self._executor.submit(self._explained, key, alert)
            work = self._working[key]
        try:
            return work.result(wait_s)
        except TookTooLong:
            raise _not_yet(f"the explanation takes longer than {wait_s:g} s; it is being worked at") from None

    def close(self) -> None:
        """Ends; what waits is not begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _explained(self, key: tuple[str, str], alert: Alert) -> Explanation:
        try:
            found = explain(alert, self._model_of(alert, key[0]))
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return found
        finally:
            with self._lock:
                del self._working[key]

    def _model_of(self, alert: Alert, source: str) -> SealedModel:
        """The model that gives the alert's flow its very score; the first that reads such rows where none does."""
        row = np.frombuffer(alert.row, "<f4")
        fitting: SealedModel | None = None
        fault: OddflowError | None = None
        for path in self._places(source):
            try:
                model = self._load(path)
            except OddflowError as error:
                fault = fault or error
                continue
            if len(row) and len(model.features) != len(row):
                continue
            if not len(row) or _is_same(float(model.scores(row[None])[0]), alert.score):
                return model
            fitting = fitting or model
        if fitting is not None:
            return fitting
        if fault is not None:
            raise fault
        raise SchemaMismatch(
            f"no model that is there reads what alert {alert.id} was found by; it may have been removed"
        )

    def _places(self, source: str) -> Iterator[Path]:
        """Files of the models that may have judged a source: what judges it now, then earlier versions."""
        wanted = next((one.model for one in self._settings.sources if one.name == source), "")
        if not wanted:
            raise UsageError(f"no model judges the source {source!r}, so none can say more of its alerts")
        path, called = open_name(wanted, self._registry.folder)
        yield Path(path)
        if path != called:
            named = self._registry.named(called.partition("@")[0])
            for version in reversed(named.versions.values()):
                if (place := self._registry.place_of(version)) != Path(path):
                    yield place

    def _load(self, path: Path) -> SealedModel:
        stamp = path.stat() if path.exists() else None
        key = f"{path} {stamp.st_mtime_ns} {stamp.st_size}" if stamp else str(path)
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        self._models[key] = model = SealedModel.load(path)
        while len(self._models) > MOST_MODELS:
            self._models.popitem(last=False)
        return model


def _is_same(score: float, told: float) -> bool:
    return abs(score - told) <= SAME_SCORE * max(abs(told), 1e-6)


def _not_yet(why: str) -> Problem:
    return Problem(503, f"{why}; ask again in a moment", headers={"Retry-After": "3"})
