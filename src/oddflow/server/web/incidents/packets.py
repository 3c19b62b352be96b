"""The packets of an alert, where its capture is there: files in the folder that its source reads, no others."""

import tempfile
from pathlib import Path

from oddflow.errors import UsageError
from oddflow.server.settings.settings import Settings
from oddflow.verdicts.alert import Alert

MOST_BYTES = 2 << 30
"""A capture that is greater is not read for a page: `oddflow extract` does."""


def captures_of(alert: Alert, source: str, settings: Settings) -> list[Path]:
    """The captures that hold the alert's packets; empty where they are not there, or not ours to give."""
    try:
        return _captures(alert, source, settings)
    except UsageError:
        return []


def _captures(alert: Alert, source: str, settings: Settings) -> list[Path]:
    named = next((one for one in settings.sources if one.name == source), None)
    if alert.pseudonyms:
        raise UsageError("this alert is under pseudonyms, and its packets would tell who is behind them")
    if named is None or named.folder is None or not alert.first_packet:
        raise UsageError(
            f"{source} keeps no captures: only packets of a source that reads a folder can be given; "
            "the alert's Wireshark filter finds them in a capture of your own"
        )
    folder = named.folder.resolve()
    found = [Path(place).resolve() for place in (alert.captures or (alert.source,))]
    if not all(place.is_relative_to(folder) and place.is_file() for place in found):
        raise UsageError("the capture of this alert is not kept here; its Wireshark filter finds it elsewhere")
    if sum(place.stat().st_size for place in found) > MOST_BYTES:
        raise UsageError(
            f"the capture of this alert is larger than {MOST_BYTES >> 30} GiB; `oddflow extract` gets its packets"
        )
    return found


def packets_of(alert: Alert, source: str, settings: Settings) -> bytes:
    """Both directions of its flow as a pcap file.

    Raises:
        UsageError: Its capture is not there, or not ours to give, and why.
        InputError: It cannot be read.
    """
    from oddflow.capture.extraction import Wanted, extract_packets  # noqa: PLC0415
    from oddflow.logs.source import arrange  # noqa: PLC0415
    from oddflow.losses import Ledger  # noqa: PLC0415

    places = _captures(alert, source, settings)
    ledger = Ledger()
    capture = arrange([str(place) for place in places], ledger, merge=True)[0]
    wanted = Wanted(
        (alert.src_ip, alert.src_port),
        (alert.dst_ip, alert.dst_port),
        alert.protocol,
        alert.start_ns,
        alert.end_ns,
        alert.first_packet,
        alert.first_capture,
    )
    with tempfile.TemporaryDirectory(prefix="oddflow-packets-") as folder:
        output = Path(folder) / "packets.pcap"
        extract_packets(capture, wanted, str(output), ledger, tunnels=True)
        return output.read_bytes()
