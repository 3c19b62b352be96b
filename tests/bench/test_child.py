"""Commands run to be measured."""

import os
import sys

import pytest

from oddflow.bench.child import one_core, run


def test_a_command_tells_its_time_its_output_and_its_end():
    child = run([sys.executable, "-c", "import sys, time; time.sleep(0.2); print('hello'); sys.exit(3)"])
    assert child.seconds > 0.2
    assert (child.output, child.code) == ("hello\n", 3)


def test_the_peak_is_the_commands_own_whatever_this_process_holds():
    held = bytearray(os.urandom(1 << 20) * 300)
    small = run([sys.executable, "-S", "-c", "pass"])
    large = run([sys.executable, "-S", "-c", "held = b'x' * (200 << 20)"])
    assert small.peak_bytes < 100 << 20 < len(held)
    assert 200 << 20 < large.peak_bytes < 250 << 20


def test_a_command_that_does_not_end_is_killed():
    with pytest.raises(TimeoutError, match="did not end"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.5)


def test_one_core_is_given_back():
    allowed = os.sched_getaffinity(0)
    with one_core() as core:
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == allowed
