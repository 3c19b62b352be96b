"""A source: whether it is there, whether we may listen, whether its model fits it."""

import os
import socket
from contextlib import closing
from pathlib import Path

from oddflow.capture.filter import compile_filter
from oddflow.capture.interface import Interface
from oddflow.capture.ring import packet_socket
from oddflow.errors import OddflowError
from oddflow.features.portable import PORTABLE
from oddflow.files import reason_of
from oddflow.logs.privacy import Privacy
from oddflow.models.format import read_sealed
from oddflow.models.registry.registry import open_name
from oddflow.models.sealed import SealedModel
from oddflow.models.trust import Trust
from oddflow.sensor.privileges import Account
from oddflow.server.doctor.findings import Findings
from oddflow.server.doctor.machine import may
from oddflow.server.settings.address import host_and_port
from oddflow.server.settings.settings import Settings, SourceSection
from oddflow.verdicts.prepared import Prepared

SNAP_BYTES = 262_144
LOG_ENDINGS = {".log", ".json", ".jsonl"}


def examine_source(
    source: SourceSection, settings: Settings, account: Account | None, findings: Findings, *, runs: bool
) -> None:
    """One source; `runs` says that the service runs now, and holds its ports."""
    about = f"source {source.name}"
    match source.kind:
        case "interface":
            _interface(source, about, findings)
        case "netflow":
            _netflow(source.where, about, findings, runs=runs)
        case "follow":
            _followed(Path(source.where), about, account, findings)
        case "folder":
            _folder(Path(source.where), about, account, findings)
    try:
        privacy = Privacy.of(payload=source.payload, key=str(source.pseudonymise) if source.pseudonymise else None)
    except OddflowError as error:
        findings.fault(about, f"pseudonymise: {error}")
        return
    if source.ship is not None and not source.model:
        findings.well(about, f"its flows are shipped to {source.ship}, cut as they are by default")
        return
    _model(source, settings, privacy, account, findings)


def _interface(source: SourceSection, about: str, findings: Findings) -> None:
    try:
        packet_socket().close()
        interface = Interface.find(source.where)
        if source.filter:
            compile_filter(source.filter, interface.link_type, SNAP_BYTES, source.where)
    except OddflowError as error:
        findings.fault(about, str(error))
        return
    if not interface.is_up:
        findings.warn(about, f"{source.where} is down", f"ip link set {source.where} up")
    else:
        findings.well(about, f"{source.where} is there, and we may listen")
    if on := interface.offloads():
        switches = " ".join(f"{name} off" for name in on)
        findings.warn(
            about,
            f"{source.where} merges packets before anyone sees them ({', '.join(on)})",
            f"ethtool -K {source.where} {switches}",
        )


def _netflow(address: str, about: str, findings: Findings, *, runs: bool) -> None:
    try:
        try_port(address, socket.SOCK_DGRAM)
    except OSError as error:
        if runs:
            findings.well(about, f"{address} is in use, by the service that runs")
        else:
            findings.fault(about, f"{address} cannot be listened to: {reason_of(error)}", "choose another address")
    else:
        findings.well(about, f"{address} can be listened to")


def try_port(address: str, kind: socket.SocketKind) -> None:
    """Binds an address for a moment; raises OSError where that cannot be."""
    host, port = host_and_port(address)
    family, _, protocol, _, place = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    with closing(socket.socket(family, kind, protocol)) as tried:
        if kind is socket.SOCK_STREAM:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(place)


def _followed(path: Path, about: str, account: Account | None, findings: Findings) -> None:
    who = account.name if account else "this user"
    if path.exists():
        if may(account, os.R_OK, path):
            findings.well(about, f"{path} can be read")
        else:
            findings.fault(about, f"{who} may not read {path}", "let it, by group or by an access control list")
    elif path.parent.is_dir():
        findings.warn(about, f"{path} is not there yet", "it is waited for; check the path")
    else:
        findings.fault(about, f"there is no folder {path.parent}", "check the path")


def _folder(path: Path, about: str, account: Account | None, findings: Findings) -> None:
    who = account.name if account else "this user"
    if not path.is_dir():
        findings.fault(about, f"{path} is no folder", "make it, or check the path")
    elif not may(account, os.R_OK | os.X_OK, path):
        findings.fault(about, f"{who} may not look into {path}", f"let it, as by chgrp {who} {path}")
    else:
        findings.well(about, f"{path} can be read")


def _model(
    source: SourceSection, settings: Settings, privacy: Privacy, account: Account | None, findings: Findings
) -> None:
    about = f"source {source.name}"
    if not source.model:
        findings.warn(
            about,
            "it has no model: flows are kept, nothing is judged",
            "learn one from traffic that you trust (`oddflow learn`), and name it in model",
        )
        return
    try:
        path, called = open_name(source.model, settings.registry_folder)
        archive = read_sealed(path)
        Trust.of([str(place) for place in settings.models.trust] or None).check(archive, called)
        prepared = Prepared.of(archive.manifest, privacy, source.home_networks or None)
        SealedModel(archive)
    except OddflowError as error:
        findings.fault(about, f"model {source.model}: {error}")
        return
    if not may(account, os.R_OK, Path(path)):
        findings.fault(about, f"{account.name if account else 'this user'} may not read {path}", f"chmod a+r {path}")
        return
    is_log = source.kind == "follow" and Path(source.where).suffix in LOG_ENDINGS
    if (source.kind == "netflow" or is_log) and prepared.version != PORTABLE.version:
        findings.fault(
            about,
            f"model {called} was learnt on more than {'logs' if is_log else 'exporters'} tell",
            "learn one on what all sources know: `oddflow learn --portable`",
        )
        return
    findings.well(about, f"model {called} ({archive.manifest.detector}) fits it; budget {source.wanted.text}")
