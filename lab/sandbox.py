"""A private corner of the machine: nothing outside it is touched, and it dies with its parent."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import office

TOOLS = (
    "unshare setpriv timeout mount ip tc ethtool sysctl tcpdump zstd nginx dnsmasq sshd ssh scp ssh-keygen "
    "curl dig openssl nmap hydra slowhttptest iodine iodined"
)
UNSHARE = [
    *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"),
    *("--mount-proc", "--propagation", "private"),
]
TRIAL = (
    "ip link add trial0 type veth peer name trial1 && ip link add trial2 type bridge && "
    "ip tuntap add dev trial3 mode tun && "
    "tc qdisc add dev trial0 root tbf rate 50mbit burst 16k latency 50ms && mount -t tmpfs none /run"
)
NO_OFFLOADS = ["tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off", "sg", "off"]
SHAPE = ["root", "tbf", "rate", "50mbit", "burst", "32k", "latency", "200ms"]


def why_not() -> str | None:
    """One sentence on why the lab cannot run here, or None where it can."""
    if os.geteuid() != 0:
        return "The lab needs root for network namespaces: run it with sudo."
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Debian keeps most of the tools
    missing = [tool for tool in TOOLS.split() if not shutil.which(tool)]
    if missing:
        return f"The lab needs tools that are not installed here: {', '.join(missing)}."
    if not Path("/dev/net/tun").exists():
        return "The lab needs /dev/net/tun for the outside link and the DNS tunnel; this machine has none."
    trial = subprocess.run([*UNSHARE, "sh", "-c", TRIAL], capture_output=True, text=True, check=False)
    if trial.returncode:
        return f"This kernel lets us make no sandbox: {trial.stderr.strip()}"
    return None


def wrapped(command: Sequence[str], limit_s: float) -> list[str]:
    """The command inside a sandbox that ends with its parent, or after limit_s, whatever happens."""
    orphan_dies = ["setpriv", "--pdeathsig", "KILL"]
    return [*orphan_dies, "timeout", "-k", "5", str(int(limit_s)), *orphan_dies, *UNSHARE, *command]


def call(*command: str) -> str:
    """Runs a set-up command to its end and gives what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def inside(namespace: str, *command: str) -> list[str]:
    """The command as it runs in a network namespace of the sandbox."""
    return ["ip", "netns", "exec", namespace, *command]


def start(
    namespace: str,
    *command: str,
    limit_s: float,
    stderr: int | None = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Starts a command in a namespace; it is ended after limit_s at the latest."""
    return subprocess.Popen(
        ["timeout", "-k", "3", "-s", "INT", str(round(limit_s, 1)), *inside(namespace, *command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
    )


def furnish() -> None:
    """Gives the sandbox its own /run, accounts and name resolution."""
    call("mount", "-t", "tmpfs", "none", "/run")
    (office.RUN / "etc").mkdir(parents=True)
    Path("/run/sshd").mkdir()
    password = call("openssl", "passwd", "-6", office.PASSWORD).strip()
    accounts = {"passwd": "", "shadow": "", "group": ""}
    for host in office.PEOPLE:
        home = office.RUN / "home" / host.name
        home.mkdir(parents=True)
        os.chown(home, 2000 + host.number, 2000)
        accounts["passwd"] += f"{host.name}:x:{2000 + host.number}:2000::{home}:/bin/bash\n"
        accounts["shadow"] += f"{host.name}:{password}:19000:0:99999:7:::\n"
    accounts["group"] = "office:x:2000:\n"
    for name, lines in accounts.items():
        _replace(f"/etc/{name}", Path(f"/etc/{name}").read_text() + lines)
    _replace("/etc/resolv.conf", f"search {office.DOMAIN}\nnameserver {office.RESOLVER}\n")
    _replace("/etc/hosts", "127.0.0.1 localhost\n")


def _replace(path: str, text: str) -> None:
    copy = office.RUN / "etc" / Path(path).name
    copy.write_text(text)
    copy.chmod(0o600 if path.endswith("shadow") else 0o644)
    call("mount", "--bind", str(copy), str(Path(path).resolve()))


def build_network() -> None:
    """Hosts on one bridge in the router, and the outside one (delayed) hop further."""
    for name in ("router", "outside", *(host.name for host in office.HOSTS)):
        call("ip", "netns", "add", name)
        call("ip", "-n", name, "link", "set", "lo", "up")
        call(*inside(name, "sysctl", "-qw", "net.ipv6.conf.default.accept_ra=0"))
    call("ip", "-n", "router", "link", "add", "br0", "address", "02:20:00:00:00:01", "type", "bridge",
         "mcast_snooping", "0")  # fmt: skip
    _address("router", "br0", f"{office.PREFIX}.1/24", f"{office.PREFIX6}1/64")
    call(*inside("router", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"))
    for host in office.HOSTS:
        _plug_in(host)
    for address in office.outside_addresses():
        length = "128" if ":" in address else "32"
        call("ip", "-n", "outside", "addr", "add", f"{address}/{length}", "dev", "lo")


def _address(namespace: str, device: str, *addresses: str) -> None:
    for address in addresses:
        call("ip", "-n", namespace, "addr", "add", address, "dev", device, *(["nodad"] * (":" in address)))
    call("ip", "-n", namespace, "link", "set", device, "up")


def _plug_in(host: office.Host) -> None:
    port = f"p{host.number}"
    call("ip", "-n", "router", "link", "add", port, "type", "veth", "peer", "name", "eth0",
         "address", host.mac, "netns", host.name)  # fmt: skip
    for namespace, device in (("router", port), (host.name, "eth0")):
        call(*inside(namespace, "ethtool", "-K", device, *NO_OFFLOADS))
        call("tc", "-n", namespace, "qdisc", "add", "dev", device, *SHAPE)
    call("ip", "-n", "router", "link", "set", port, "master", "br0", "up")
    _address(host.name, "eth0", f"{host.address}/24", f"{host.address6}/64")
    call("ip", "-n", host.name, "route", "add", "default", "via", f"{office.PREFIX}.1")
    call("ip", "-n", host.name, "-6", "route", "add", "default", "via", f"{office.PREFIX6}1")


def join_outside() -> None:
    """Routes between the router and the outside, once the delayed link's two ends exist."""
    call("ip", "-n", "router", "link", "set", "far", "netns", "outside")
    for namespace, device, routes in (
        ("router", "near", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")),
        ("outside", "far", (f"{office.PREFIX}.0/24", f"{office.PREFIX6}/64")),
    ):
        call("ip", "-n", namespace, "link", "set", device, "txqueuelen", "2000", "up")
        call("tc", "-n", namespace, "qdisc", "add", "dev", device, *SHAPE)
        for route in routes:
            family = "-6" if ":" in route else "-4"
            call("ip", "-n", namespace, family, "route", "add", route, "dev", device)
