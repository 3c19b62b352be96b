"""The log: one line for each thing said, for people, machines and the journal."""

import io
import json
import logging
import os
import re
from types import SimpleNamespace

import pytest

from oddflow.server import log
from oddflow.server.settings.settings import LogSection

HOSTILE = "a\x1b[31m\r\nb\u2028c\x00"


@pytest.fixture
def kept():
    """Logging is the same afterwards."""
    loggers = logging.getLogger(), logging.getLogger("oddflow")
    before = [(one.level, list(one.handlers)) for one in loggers]
    yield
    logging.captureWarnings(False)
    for one, (level, handlers) in zip(loggers, before, strict=True):
        one.setLevel(level)
        one.handlers[:] = handlers


@pytest.fixture
def said(kept):
    def of(settings, speak, stream=None):
        stream = stream or io.StringIO()
        log.setup(settings, "judge office", stream)
        speak(logging.getLogger("oddflow.work"))
        return stream.getvalue()

    return of


def test_a_line_for_people_has_time_level_process_message_and_fields(said):
    def speak(logger):
        logger.warning("%d flows wait", 3, extra={"source": "office", "event": "queue full", "queued": 3})

    line = said(LogSection(), speak)
    time, level, rest = line.rstrip("\n").split(" ", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert (level, rest) == ("warning", 'judge office: 3 flows wait source=office event="queue full" queued=3')


def test_a_line_for_machines_is_one_object(said):
    def speak(logger):
        logger.error(HOSTILE, extra={"level": "mine", "lost": 3, "share": float("nan"), "text": HOSTILE})

    (line,) = said(LogSection(format="json"), speak).splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "error",
        "process": "judge office",
        "logger": "oddflow.work",
        "message": "a\ufffd[31m\ufffd b\ufffdc\ufffd",
        "lost": 3,
        "share": "nan",
        "text": "a\ufffd[31m\ufffd b\ufffdc\ufffd",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_others_sent_never_makes_a_line_or_reaches_the_terminal(said, form):
    text = said(LogSection(format=form), lambda logger: logger.info("%s", HOSTILE, extra={"x": HOSTILE, HOSTILE: 1}))
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert text[:-1].isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:SECRET77@db/x",
        "Authorization: Bearer SECRET77",
        "https://x/hook?token=SECRET77&a=b",
        "smtp://u@h?password=SECRET77",
        "oddflow_SECRET77SECRET77",
        "https://here/first/SECRET77SECRET77",
    ],
)
def test_what_looks_like_a_secret_is_masked(said, text):
    assert "SECRET77" not in said(LogSection(), lambda logger: logger.info(text, extra={"more": text}))


def test_less_than_the_level_is_left_out_and_libraries_warn_only(said):
    def speak(logger):
        logger.info("quiet")
        logger.warning("loud")
        logging.getLogger("library").info("chatter")
        logging.getLogger("library").warning("trouble")

    assert [line.split(": ")[1] for line in said(LogSection(level="warning"), speak).splitlines()] == [
        "loud",
        "trouble",
    ]
    assert "quiet" in said(LogSection(level="debug"), speak)


def test_an_error_says_where_on_one_line(said):
    def speak(logger):
        try:
            int(HOSTILE)
        except ValueError:
            logger.exception("it failed")

    line = said(LogSection(format="json"), speak)
    told = json.loads(line)
    assert told["error"].startswith("ValueError: invalid literal")
    assert told["trace"].startswith("test_log.py:")
    assert line.count("\n") == 1


def test_the_journal_is_told_priorities(kept, tmp_path, monkeypatch):
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        log.setup(LogSection(level="debug"), "web", stream)
        for level in (logging.DEBUG, logging.INFO, 25, logging.WARNING, logging.ERROR, logging.CRITICAL):
            logging.getLogger("oddflow").log(level, "said")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines == [f"<{priority}>web: said" for priority in (7, 6, 6, 4, 3, 2)]


@pytest.mark.parametrize("value", ["", "1:2", "x"])
def test_another_stream_is_no_journal(value, monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNAL_STREAM", value)
    with (tmp_path / "x").open("w") as stream:
        assert not log.is_journal(stream)
    assert not log.is_journal(SimpleNamespace(fileno=lambda: -1))
