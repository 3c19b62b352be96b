"""Chunks of mutated packets, each fuzzed in a worker process."""

import faulthandler
import os

from tests.fuzz.mutate import Mutator
from tests.fuzz.road import capture_of, check_result, meter
from tests.fuzz.seeds import packet_lists
from tests.fuzz.tight import check_tight

CHUNK = 5000
CAPTURES_A_CHUNK = 20
HANG_S = 60
LISTS = []


def prepare():
    """Loads the real packets, once a process."""
    LISTS.extend(packet_lists())


def failure_of(packets):
    """What goes wrong with these packets, or nothing."""
    try:
        capture = capture_of(packets)
        check_tight(capture)
        check_result(*meter(capture), len(packets))
    except Exception as error:  # noqa: BLE001  (whatever is raised is what is looked for)
        return f"{type(error).__name__}: {error}"
    return ""


def fewest(packets):
    """The least packets found that still fail: halves are left out while that is so."""
    size = len(packets) // 2
    while size:
        at = 0
        while at < len(packets):
            fewer = packets[:at] + packets[at + size :]
            if fewer and failure_of(fewer):
                packets = fewer
            else:
                at += size
        size //= 2
    return packets


def chunk(seed, number, out):
    """Fuzzes one chunk: (losses by reason, what failed). A crash or a hang leaves its input in `out`."""
    mutator = Mutator(LISTS, f"{seed}/{number}")
    packets = mutator.run(CHUNK)
    capture = capture_of(packets)
    running = out / f"running-{os.getpid()}.pcapng"
    running.write_bytes(capture)
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    batches, ledger = meter(capture)
    try:
        check_result(batches, ledger, CHUNK)
        check_tight(capture)
        for _ in range(CAPTURES_A_CHUNK):
            changed = mutator.capture(capture_of(mutator.run(20)))
            running.write_bytes(changed)
            check_result(*meter(changed))
            check_tight(changed)
    except (AssertionError, IndexError) as error:
        if why := failure_of(packets):
            (out / f"failed-{number}.pcapng").write_bytes(capture_of(fewest(packets)))
            return ledger, f"chunk {number}: {why}"
        (out / f"failed-{number}.pcapng").write_bytes(changed)
        return ledger, f"chunk {number}: {error}"
    finally:
        faulthandler.cancel_dump_traceback_later()
    running.unlink()
    return ledger, ""
