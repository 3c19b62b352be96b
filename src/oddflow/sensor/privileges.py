"""Giving up what a process may do, once what needed it is open (capabilities(7), prctl(2))."""

import ctypes
import os
import pwd
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from oddflow.errors import UsageError

SET_PARENT_DEATH_SIGNAL, SET_KEEP_CAPABILITIES, SET_NO_NEW_PRIVILEGES = 1, 8, 38
CAPABILITY_VERSION_3 = 0x20080522
NET_RAW = 13
"""May open packet sockets."""

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to run as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> "Account":
        """The account of that name; raises UsageError where there is none."""
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            raise UsageError(f"there is no user {name!r} here; see /etc/passwd") from None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def numbered(cls, uid: int, gid: int) -> "Account":
        """An account by its numbers; it need not have a name, as in a container."""
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return cls(name, uid, gid)

    def may_write_in(self, folder: Path) -> bool:
        """Whether it may make files there; asked as root."""
        return self.may(os.W_OK | os.X_OK, folder)

    def may(self, mode: int, path: Path) -> bool:
        """Whether it may do that with a file or folder, `mode` as os.access has it; asked as root."""
        groups, gid, uid = os.getgroups(), os.getegid(), os.geteuid()
        try:
            os.setgroups([])
            os.setegid(self.gid)
            os.seteuid(self.uid)
            return os.access(path, mode, effective_ids=True)
        except PermissionError:
            raise self._cannot() from None
        finally:
            os.seteuid(uid)
            os.setegid(gid)
            with suppress(PermissionError):
                os.setgroups(groups)

    def become(self) -> None:
        """Is this account from now on, without any other group."""
        try:
            os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        except PermissionError:
            raise self._cannot() from None
        if os.getresuid() != (self.uid,) * 3:
            raise self._cannot()

    def _cannot(self) -> UsageError:
        return UsageError(
            f"this root may not become {self.name}: it lacks CAP_SETUID or CAP_SETGID; grant them, or stay who it is, "
            "without capabilities, with `--user root`"
        )


def account_for(wanted: str | None, folder: Path | None) -> Account | None:
    """Whom to run as, once the interface is open.

    Args:
        wanted: A user's name, where one was given.
        folder: Where results are written, if anywhere.

    Returns:
        Who was asked for; else who called sudo; else whose folder it is; else nobody. None where we are not root:
        nobody else can be become then, and whatever capabilities there are will be given up.

    Raises:
        UsageError: There is no such user, or we are not root and another was asked for.
    """
    if os.geteuid() != 0:
        if wanted is not None and Account.named(wanted).uid != os.geteuid():
            raise UsageError(f"only root can become {wanted}; call it with sudo, or leave --user out")
        return None
    if wanted is not None:
        return Account.named(wanted)
    caller, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if caller.isdecimal() and group.isdecimal() and 0 < int(caller) < 1 << 31 and int(group) < 1 << 31:
        return Account.numbered(int(caller), int(group))
    if folder is not None and folder.stat().st_uid:
        return Account.numbered(folder.stat().st_uid, folder.stat().st_gid)
    return Account.named(NOBODY)


def drop(account: Account | None, *, keep: tuple[int, ...] = ()) -> None:
    """Becomes an account for good, without any capability but those kept.

    Args:
        account: Whom to become; None, and root, stay who they are.
        keep: Numbers of capabilities.

    Raises:
        UsageError: We may not become that account.
    """
    if keep:
        _prctl(SET_KEEP_CAPABILITIES, 1)
    if account is not None and account.uid != 0:
        account.become()
    _set_capabilities(sum(1 << number for number in keep))
    _prctl(SET_NO_NEW_PRIVILEGES, 1)


def die_with_parent(signal_number: int) -> None:
    """Asks for a signal when the parent ends; to be called after `drop`, which forgets it."""
    _prctl(SET_PARENT_DEATH_SIGNAL, signal_number)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(number) for number in (value, 0, 0, 0))):
        _fail("prctl")


def _set_capabilities(mask: int) -> None:
    """Permitted and effective ones; nothing is inherited."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)):
        _fail("capset")


def _fail(call: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}")
