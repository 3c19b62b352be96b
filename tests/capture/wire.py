"""A pair of virtual interfaces in a network namespace of their own, which ends with the test."""

import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[2]
HOLD_S = 300
NEAR, FAR = "near0", "far0"
NO_OFFLOADS = ["tso", "off", "gso", "off", "gro", "off", "tx", "off", "rxvlan", "off", "txvlan", "off"]


def why_not():
    """Why no virtual interfaces can be made here, or None."""
    if os.geteuid() != 0:
        return "needs root: network namespaces and packet sockets"
    missing = [tool for tool in ("ip", "nsenter", "unshare", "sysctl") if not which(tool)]
    if missing:
        return f"needs {', '.join(missing)}"
    trial = subprocess.run(["unshare", "--net", "ip", "link", "add", "type", "veth"], capture_output=True, check=False)
    return f"this kernel makes no veth pair: {trial.stderr.decode()}" if trial.returncode else None


WHY_NOT = why_not()
needs_wire = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


class Wire:
    """What is sent into `near0` comes out of `far0`, and nothing else does."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", str(HOLD_S)])
        own = Path("/proc/self/ns/net").readlink()
        until = time.monotonic() + 10
        while Path(f"/proc/{self.holder.pid}/ns/net").readlink() == own:
            assert time.monotonic() < until
            time.sleep(0.01)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")
        self.lay()

    def inside(self, *command):
        """The command as it runs in the namespace."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *map(str, command)]

    def run(self, *command, **options):
        """Runs a command in the namespace, to its end."""
        return subprocess.run(self.inside(*command), check=True, capture_output=True, timeout=60, **options)

    def lay(self):
        """Makes the pair and switches it on."""
        self.run("ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR)
        if which("ethtool"):
            for end in (NEAR, FAR):
                self.run("ethtool", "-K", end, *NO_OFFLOADS[:6])
        for end in (NEAR, FAR):
            self.run("ip", "link", "set", end, "mtu", "9000", "up")

    def cut(self):
        """Removes the pair."""
        self.run("ip", "link", "del", NEAR)

    def send(self, frames, interface=NEAR):
        """Sends frames one after the other; returns when all have passed."""
        content = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
        self.run(sys.executable, Path(__file__).with_name("sender.py"), interface, input=content)

    def close(self):
        """Ends the namespace."""
        self.holder.kill()
        self.holder.wait()
