"""Shells and file copies on the servers, over real SSH."""

import os
import subprocess
from typing import TYPE_CHECKING

import office
from office import BUILD, FILES, RUN

if TYPE_CHECKING:
    from people import Actor

COMMANDS = [
    *("ls -l", "df -h", "uptime", "who", "id", "date", "env", "cat /etc/os-release", "ps aux | head -30"),
    *("ls -la /usr/share/doc | head -60", "grep -r root /etc/group", "wc -l /etc/services"),
    "tail -40 /etc/services",
]
SSH = [
    *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=8", "-o", "KexAlgorithms=curve25519-sha256"),
]
WITH_KEY = [*SSH, "-i", f"{RUN}/person.key", "-o", "IdentitiesOnly=yes"]
WITH_PASSWORD = [*SSH, "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password"]


def environment(host: str) -> dict[str, str]:
    """The environment of a person's programs: passwords are typed by a script."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(RUN / "home" / host),
        "TERM": "xterm",
        "SSH_ASKPASS": f"{RUN}/askpass",
        "SSH_ASKPASS_REQUIRE": "force",
    }


def _login(actor: "Actor", options: list[str], server: office.Host) -> list[str]:
    return ["ssh", *options, actor.rng.choice(("-4", "-4", "-6")), f"{actor.host}@{server.full_name}"]


def shell(actor: "Actor") -> None:
    """A command or a typed session on a server; now and then a password is mistyped first."""
    rng = actor.rng
    server = rng.choice((FILES, BUILD))
    if not actor.may_reach(server, 22):
        return
    kind = rng.random()
    if kind < 0.35:
        actor.run(*_login(actor, WITH_KEY, server), rng.choice(COMMANDS))
    elif kind < 0.7:
        _type_in_shell(actor, server)
    else:
        _log_in_with_password(actor, server, slips=rng.choice((0, 0, 1, 1, 2)))


def _log_in_with_password(actor: "Actor", server: office.Host, slips: int) -> None:
    """Wrong tries come on one connection, or on several when the person gives up in between."""
    rng = actor.rng
    passwords = RUN / "desk" / f"{actor.host}.words"
    attempts = [["wrong"] * slips + [office.PASSWORD]]
    if slips and rng.random() < 0.5:
        attempts = [["wrong"]] * slips + [[office.PASSWORD]]
    for words in attempts:
        if not actor.may_reach(server, 22):
            return
        passwords.write_text("\n".join(words) + "\n")
        tries = f"-oNumberOfPasswordPrompts={len(words)}"
        actor.run(
            *_login(actor, [*WITH_PASSWORD, tries], server),
            rng.choice(COMMANDS),
            LAB_PASSWORDS=str(passwords),
            LAB_TYPING_S=f"{rng.lognormvariate(0.8, 0.4):.2f}",
        )
        actor.think(3.0, 0.5)


def _type_in_shell(actor: "Actor", server: office.Host) -> None:
    rng = actor.rng
    process = subprocess.Popen(
        ["timeout", "90", *_login(actor, ["-tt", *WITH_KEY], server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=actor.environment,
        start_new_session=True,
    )
    with process, process.stdin as keyboard:
        actor.rest(rng.uniform(0.6, 2))
        for command in [*rng.choices(COMMANDS, k=rng.randint(1, 4)), "exit"]:
            for letter in command + "\n":
                keyboard.write(letter.encode())
                keyboard.flush()
                actor.rest(rng.lognormvariate(-2.2, 0.5))
            actor.think(3.0)
            if actor.left_s() <= 1:
                process.terminate()
                return


def copy_files(actor: "Actor") -> None:
    """A few files by scp, to or from a server."""
    rng = actor.rng
    server = rng.choice((FILES, FILES, BUILD))
    for _ in range(rng.choice((1, 1, 2))):
        if not actor.may_reach(server, 22):
            return
        local, parcel = f"{RUN}/desk/", f"{RUN}/parcels/{rng.randrange(office.PARCELS)}"
        remote = f"{actor.host}@{server.full_name}:"
        ways = ((parcel, remote), (remote + parcel, f"{local}{actor.host}.parcel"))
        slow = ["-l", str(rng.choice((100, 200, 400)))] if rng.random() < 0.3 else []  # kbit/s
        squeezed = ["-C"] if rng.random() < 0.6 else []
        actor.run("scp", "-q", *WITH_KEY, *slow, *squeezed, *rng.choice(ways))
        actor.think(2.0)
