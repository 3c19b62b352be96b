"""Real packets to begin with: of all captures beside the repository, else of those that ship with it."""

from pathlib import Path

from oddflow import api
from oddflow.capture.reader import packets
from oddflow.errors import OddflowError
from oddflow.losses import Ledger

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
PACKETS_A_CAPTURE = 300
LONGEST = 2000


def bad_input():
    """All malformed captures, in a fixed order; none where the data are absent."""
    return sorted(path for path in (DATA / "badinput").rglob("*") if path.is_file())


def captures():
    """The captures that packets are taken from."""
    found = bad_input() + sorted(path for path in (DATA / "captures").rglob("*.*cap*") if path.is_file())
    return found or sorted(api.examples().glob("*.pcap.zst"))


def packets_of(path):
    """The first (link type, bytes) of a capture; none where it cannot be read."""
    found = []
    try:
        for batch in packets(str(path), Ledger()):
            for packet in batch.packets[: min(batch.count, PACKETS_A_CAPTURE - len(found))]:
                start, size = int(packet["start"]), min(int(packet["captured"]), LONGEST)
                found.append((max(0, int(packet["link_type"])), batch.data[start : start + size].tobytes()))
            if len(found) >= PACKETS_A_CAPTURE:
                break
    except OddflowError:
        pass
    return found


def packet_lists(paths=None):
    """The packets of each capture that has any, in order: neighbours are often of one flow."""
    return [found for path in paths or captures() if (found := packets_of(path))]
