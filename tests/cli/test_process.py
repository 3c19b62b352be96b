"""What only a process of its own can show: standard streams, pipes, signals."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .call import COMMAND, spawn


def test_a_capture_on_standard_input(office):
    given = office.incident.read_bytes()
    done = spawn("flows", "-", "--json", input=given)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["flows"] == json.loads(spawn("flows", office.incident, "--json").stdout)["flows"]


def test_a_capture_that_comes_through_a_slow_pipe(office):
    given = office.baseline.read_bytes()
    with subprocess.Popen([*COMMAND, "flows", "-", "--json"], stdin=-1, stdout=-1, stderr=-1) as process:
        for start in range(0, len(given), len(given) // 4):
            process.stdin.write(given[start : start + len(given) // 4])
            process.stdin.flush()
            time.sleep(0.05)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["ledger"]["lost"] == 0


def test_standard_input_that_is_empty():
    done = spawn("flows", "-")
    assert done.returncode == 2
    assert b"is empty" in done.stderr


def until_it_reads(pid):
    """Waits for a process to wait for a pipe: on a busy machine it may take long to start."""
    end = time.monotonic() + 60
    while time.monotonic() < end and "pipe" not in Path(f"/proc/{pid}/wchan").read_text():
        time.sleep(0.1)


@pytest.mark.parametrize("words", [("learn", "{baseline}", "-o", "{folder}/x.oddflow"), ("flows", "-")])
def test_an_interrupt_ends_with_130_and_leaves_nothing(words, office, tmp_path):
    words = [word.format(folder=tmp_path, **vars(office)) for word in words]
    waiting = subprocess.Popen(
        ["env", "--default-signal=INT", *COMMAND, *words],  # a shell's background job would ignore it
        stdin=-1,
        stdout=-1,
        stderr=-1,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    with waiting as process:
        if "-" in words:
            until_it_reads(process.pid)
        else:
            time.sleep(2.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was done before the interrupt came")
    # a process that dies of the signal is 130 to a shell as well
    assert process.returncode in {130, -signal.SIGINT}, err
    assert err.strip().endswith(b"oddflow: interrupted")
    assert b"Traceback" not in err
    assert out == b""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("flows", "{incident}", "--limit", "500"), ("inspect", "{model}", "--json"), ("--help",)]
)
def test_a_reader_that_leaves_early_is_no_error(words, office):
    words = [word.format(**vars(office)) for word in words]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = spawn(*words, stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    finally:
        os.close(writing)
    assert done.returncode == 0, done
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize(("closed", "code"), [("<&-", 2), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 2)])
def test_standard_streams_that_are_closed(closed, code, office):
    source = "-" if "<" in closed else str(office.incident)
    line = f'exec "$0" "$@" {closed}'
    done = subprocess.run(["sh", "-c", line, *COMMAND, "flows", source], capture_output=True, check=False, timeout=60)
    assert done.returncode == code, done
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_a_name_that_is_no_utf8(office, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.pcap"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(office.incident.read_bytes())
    for words in (["flows"], ["detect", "-m", str(office.model)]):
        done = subprocess.run([*COMMAND, words[0], path, *words[1:]], capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done


def test_a_name_that_is_no_utf8_is_written_to_alerts(office, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.pcap"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(office.incident.read_bytes())
    alerts = tmp_path / "alerts.jsonl"
    words = [*COMMAND, "detect", path, "-m", office.model, "-o", alerts]
    assert subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
    assert json.loads(alerts.read_text().splitlines()[0])["source"].endswith("caf?.pcap")


def test_every_completion_names_the_commands():
    words = ["detect", "learn", "flows", "explain", "extract", "inspect", "detectors", "doctor", "demo"]
    asked = {"_ODDFLOW_COMPLETE": "complete_bash", "COMP_WORDS": "oddflow ", "COMP_CWORD": "1"}
    program = ["python", "-c", "import sys; sys.argv[0] = 'oddflow'; from oddflow.cli.main import main; main()"]
    done = subprocess.run(
        [COMMAND[0], *program[1:]], capture_output=True, text=True, check=False, env=os.environ | asked, timeout=60
    )
    assert set(words) <= set(re.findall(r"\w+", done.stdout)), done
