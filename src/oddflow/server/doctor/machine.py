"""The user, the folder of what is kept, the disk and the memory."""

import fcntl
import os
import pwd
import shutil
import sys
from pathlib import Path

import oddflow
from oddflow.amounts import size
from oddflow.errors import UsageError
from oddflow.sensor.privileges import Account, account_for
from oddflow.server.doctor.findings import Findings
from oddflow.server.settings.settings import Settings, SourceSection

LOCK = "lock"
"""Of the supervisor, in the state folder."""
PROGRAM = (Path(sys.executable), Path(os.__file__), Path(oddflow.__file__))
"""The interpreter, its library, and we: where one can be read, so can the rest of it."""
GIB, MIB = 1 << 30, 1 << 20
LEAST_FREE_BYTES = GIB
OPEN_FLOW_BYTES, METER_BYTES = 2_000, 40_000_000
"""As `oddflow doctor` tells them: of each open flow, and of a meter without any."""
CONTEXT_BYTES = 1_200
"""Two windows of a flow each."""
PROCESS_BYTES = 60_000_000
"""What a process has of its own; libraries are shared."""
SHARED_BYTES = 250_000_000
SERVING_PROCESSES = 4
"""Supervisor, keeper, outputs, web."""
MEMORY_INFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def account_of(settings: Settings, findings: Findings) -> Account | None:
    """Whom the service will run as; None where nobody can be changed to."""
    wanted = settings.service.user
    if os.geteuid() != 0:
        name = _name_of(os.geteuid())
        if name == wanted:
            findings.well("service", f"runs as {name}")
        else:
            findings.warn(
                "service",
                f"called by {name}, so it is examined and would run as {name}, not {wanted}",
                f"call it as root, or as {wanted}, to examine it as it runs there",
            )
        return None
    try:
        account = Account.named(wanted)
    except UsageError as error:
        advice = f"make it: useradd --system --home-dir {settings.service.state} --shell /usr/sbin/nologin {wanted}"
        if "user" in settings.service.model_fields_set:
            findings.fault("service", f"user: {error}", advice)
            return None
        instead = account_for(None, settings.service.state if settings.service.state.exists() else None)
        findings.warn("service", f"there is no user {wanted}, so it runs as {instead.name if instead else '?'}", advice)
        return instead
    if account.uid == 0:
        findings.warn("service", "runs as root", "name a user without rights in [service] user")
    else:
        findings.well("service", f"runs as {wanted} once sockets are open")
    return account


def is_running(settings: Settings) -> bool:
    """Whether a service runs with this state folder: it holds a lock there."""
    try:
        lock = os.open(settings.service.state / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def may(account: Account | None, mode: int, path: Path) -> bool:
    """Whether the service may do that with a file or folder."""
    return os.access(path, mode) if account is None else account.may(mode, path)


def examine_program(account: Account | None, findings: Findings) -> None:
    """Libraries are loaded after rights are given up, too, and uploads start another Python."""
    if account is None:
        return
    for place in PROGRAM:
        if not may(account, os.R_OK, place):
            findings.fault(
                "service",
                f"{account.name} may not read {place}",
                "install Oddflow where all users can read it, like /opt/oddflow, with a Python of the system",
            )
            return


def examine_state(settings: Settings, account: Account | None, findings: Findings) -> None:
    """The folder that all is kept in, and the disk it is on."""
    folder = settings.service.state
    there = _nearest(folder)
    if folder.exists() and not folder.is_dir():
        findings.fault("service", f"state: {folder} is no folder", "name another, or move what is there")
        return
    if folder.is_dir():
        if not may(account, os.W_OK | os.X_OK, folder):
            who = account.name if account else "this user"
            findings.fault("service", f"state: {who} may not write in {folder}", f"chown -R {who} {folder}")
        else:
            findings.well("service", f"state: {folder} can be written")
        if folder.stat().st_mode & 0o007:
            findings.warn("service", f"state: others may look into {folder}", f"chmod o= {folder}")
    elif os.access(there, os.W_OK | os.X_OK):
        findings.well("service", f"state: {folder} will be made")
    else:
        findings.fault(
            "service", f"state: {folder} is not there, and cannot be made in {there}", "make it, or name another"
        )
    _disk(settings, there, findings)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _disk(settings: Settings, there: Path, findings: Findings) -> None:
    free = shutil.disk_usage(there).free
    kept = sum(path.stat().st_size for path in settings.flows_folder.rglob("*.parquet"))
    waiting = sum(output.limit_mib for output in settings.outputs) * MIB
    asked = max(settings.flows.keep_gib * GIB - kept, 0) + waiting
    if free < LEAST_FREE_BYTES:
        findings.fault("disk", f"{size(free)} free at {there}", "make room, or keep the state on another disk")
    elif free < asked:
        findings.warn(
            "disk",
            f"{size(free)} free at {there}; flows and what waits for receivers may take {size(asked)} more",
            "lower [flows] keep_gib or limit_mib of outputs, or make room",
        )
    else:
        findings.well("disk", f"{size(free)} free at {there}; {size(asked)} at most are asked for")


def memory_of(source: SourceSection) -> int:
    """What a source may take at most, in bytes: ring, open flows, context, groups, its two processes."""
    from oddflow.verdicts.collective.groups import GROUP_BYTES  # noqa: PLC0415  (loads kernels)

    ring = source.ring_mib * MIB if source.kind == "interface" else 0
    judged = CONTEXT_BYTES * source.max_flows + GROUP_BYTES * source.max_groups if source.model else 0
    return ring + OPEN_FLOW_BYTES * source.max_flows + METER_BYTES + round(judged) + 2 * PROCESS_BYTES


def examine_memory(settings: Settings, findings: Findings) -> None:
    """The sum of all limits, beside what there is."""
    sources = sum(memory_of(source) for source in settings.sources)
    uploads = settings.uploads.most_memory_mib * MIB
    most = sources + SHARED_BYTES + SERVING_PROCESSES * PROCESS_BYTES
    there = memory_bytes()
    text = f"{size(most)} at most by all limits, and {size(uploads)} while an upload is judged; there are {size(there)}"
    advice = "lower max_flows, max_groups or ring_mib of sources"
    if most > there:
        findings.fault("memory", text, advice)
    elif most + uploads > 0.9 * there:
        findings.warn("memory", text, f"{advice}, or [uploads] most_memory_mib")
    else:
        findings.well("memory", text)


def memory_bytes(information: Path = MEMORY_INFO, limit: Path = CGROUP_LIMIT) -> int:
    """Of the machine, or of the control group where that has less (cgroup v2)."""
    first = information.read_text(encoding="ascii").split("\n", 1)[0]
    total = int(first.split()[1]) << 10
    try:
        told = limit.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(told)) if told.isdecimal() else total
