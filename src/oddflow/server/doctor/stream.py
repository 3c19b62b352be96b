"""The stream: whether brokers answer, whether topics are as they must be, whether replicas can write down how far."""

import os
from importlib.util import find_spec
from pathlib import Path

from oddflow.errors import OddflowError
from oddflow.sensor.privileges import Account
from oddflow.server.doctor.findings import Findings
from oddflow.server.doctor.machine import may
from oddflow.server.settings.settings import Settings, StreamSection

ABOUT = "stream"
TIMEOUT_S = 5.0


def examine_stream(settings: Settings, account: Account | None, findings: Findings) -> None:
    """Asks the brokers for each topic that a source names; makes and changes nothing."""
    topics = sorted({topic for source in settings.sources for topic in (source.stream, source.ship) if topic})
    if not topics:
        return
    if find_spec("confluent_kafka") is None:
        findings.fault(ABOUT, "a stream needs confluent-kafka", "install it: pip install 'oddflow[kafka]'")
        return
    for topic in topics:
        _topic(settings.stream, topic, findings)
    if any(source.stream for source in settings.sources):
        _checkpoints(settings, account, findings)


def _topic(stream: StreamSection, topic: str, findings: Findings) -> None:
    from oddflow.server.stream.brokers import partitions_of  # noqa: PLC0415  (an extra)

    make = f"kafka-topics --create --topic {topic} --partitions {stream.partitions} --replication-factor 3"
    try:
        found = partitions_of(stream, topic, TIMEOUT_S)
    except OddflowError as error:
        findings.fault(ABOUT, str(error), "check [stream] brokers, security and what the brokers say")
        return
    if found is None:
        findings.fault(ABOUT, f"there is no topic {topic}", f"make it: {make}")
    elif found != stream.partitions:
        findings.fault(
            ABOUT,
            f"topic {topic} has {found} partitions, and [stream] partitions is {stream.partitions}",
            "let both be the same, on all sensors and replicas",
        )
    else:
        findings.well(ABOUT, f"topic {topic} is there, with {found} partitions")


def _checkpoints(settings: Settings, account: Account | None, findings: Findings) -> None:
    folder = settings.checkpoints_folder
    there = next(place for place in (folder, *folder.parents) if place.exists())
    who = account.name if account else "this user"
    if settings.stream.checkpoints is not None and not may(account, os.W_OK | os.X_OK, Path(there)):
        findings.fault(ABOUT, f"checkpoints: {who} may not write in {there}", f"let it belong to {who}")
    elif settings.stream.checkpoints is None:
        findings.warn(
            ABOUT,
            f"checkpoints are kept in {folder}, which other machines do not see",
            "where replicas run on several machines, name a folder that all see under [stream] checkpoints",
        )
    else:
        findings.well(ABOUT, f"checkpoints are kept in {folder}")
