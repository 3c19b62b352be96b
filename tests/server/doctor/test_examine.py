"""`oddflow doctor CONFIG`: what it finds in settings that fit this machine, and in those that do not."""

import fcntl
import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
import trustme

from oddflow.sensor.privileges import Account
from oddflow.server.doctor import examine as examining
from oddflow.server.doctor import machine
from oddflow.server.doctor.examine import examine
from oddflow.server.doctor.findings import Findings, Level
from oddflow.server.settings.read import read
from tests.cli.call import call
from tests.cli.captures import capture

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root may ask what others may do")


@pytest.fixture
def folder():
    """A folder that all users may look into; pytest's own are for one alone."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def models():
    """A model of packets, and one of what exporters tell."""
    with TemporaryDirectory() as name:
        yield learnt_in(Path(name))


def learnt_in(folder):
    (folder / "baseline.pcap").write_bytes(capture())
    for name, more in (("office", ()), ("portable", ("--portable",))):
        learnt = call(
            "learn", folder / "baseline.pcap", "-o", folder / f"{name}.oddflow", "--detector", "robust-pca", *more
        )
        assert learnt.code == 0, learnt
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def free_port():
    """A port that nobody listens on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def found(folder, free_port, monkeypatch):
    """Writes settings, examines them, and gives what was found as (level, about, text; advice)."""
    monkeypatch.setattr(machine, "PROGRAM", ())  # here it may lie in root's home
    user = "nobody" if ROOT else os.environ.get("USER", "me")

    def of(text="", web="", service=""):
        path = folder / "oddflow.toml"
        web = web or f'listen = "127.0.0.1:{free_port}"'
        path.write_text(f'[service]\nuser = "{user}"\nstate = "state"\n{service}\n[web]\n{web}\n{text}\n')
        findings = examine(read(path).settings, (), "settings")
        return [(one.level, one.about, f"{one.text}; {one.advice}") for one in findings.found]

    return of


def holds(found, level, about, words):
    return any((one[0], one[1]) == (level, about) and words in one[2] for one in found)


def test_settings_that_fit_have_no_fault(found, folder, models):
    (folder / "in").mkdir(mode=0o755)
    told = found(f'[[sources]]\nname = "drop"\nfolder = "in"\nmodel = "{models}/office.oddflow"')
    assert [one for one in told if one[0] is not Level.OK] == []
    assert holds(told, Level.OK, "source drop", "model")
    assert {one[1] for one in told} == {"settings", "service", "disk", "source drop", "web", "store", "memory"}


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        ('interface = "nonesuch0"', Level.FAULT, "no interface 'nonesuch0'"),
        ('interface = "lo"\nfilter = "tcp prot 1"', Level.FAULT, "filter"),
        ('interface = "lo"', Level.OK, "we may listen"),
        ('interface = "lo"', Level.WARNING, "it has no model"),
        ('folder = "none"', Level.FAULT, "is no folder"),
        ('follow = "conn.log"', Level.WARNING, "is not there yet"),
        ('follow = "none/conn.log"', Level.FAULT, "there is no folder"),
        ('netflow = "127.0.0.1:{port}"\nmodel = "{models}/office.oddflow"', Level.FAULT, "`oddflow learn --portable`"),
        ('netflow = "127.0.0.1:{port}"\nmodel = "{models}/portable.oddflow"', Level.OK, "fits it"),
        ('follow = "conn.log"\nmodel = "{models}/office.oddflow"', Level.FAULT, "more than logs tell"),
        ('netflow = "192.0.2.1:{port}"', Level.FAULT, "cannot be listened to"),
        ('folder = "."\nmodel = "office@3"', Level.FAULT, "has no model 'office'"),
        ('folder = "."\nmodel = "none.oddflow"', Level.FAULT, "none.oddflow"),
        ('folder = "."\nmodel = "oddflow.toml"\npayload = false', Level.FAULT, "model oddflow.toml"),
        ('folder = "."\npseudonymise = "none.key"', Level.FAULT, "pseudonymise: "),
    ],
)
@needs_root
def test_a_source_is_looked_at(found, models, free_port, text, level, words):
    text = text.format(models=models, port=free_port)
    told = found(f'[[sources]]\nname = "one"\n{text}')
    assert holds(told, level, "source one", words), told


def test_a_model_that_nobody_trusted_signed_is_a_fault(found, models, folder):
    assert call("keys", "new", "--signing", folder / "key").code == 0
    told = found(f'[models]\ntrust = ["key.pub"]\n[[sources]]\nname="a"\nfolder="."\nmodel="{models}/office.oddflow"')
    assert holds(told, Level.FAULT, "source a", "not signed")


@needs_root
def test_a_file_that_the_user_may_not_read_is_a_fault(found, models, folder):
    hidden = folder / "hidden.oddflow"
    hidden.write_bytes((models / "office.oddflow").read_bytes())
    hidden.chmod(0o600)
    (folder / "in").mkdir(mode=0o700)
    told = found('[[sources]]\nname = "a"\nfolder = "in"\nmodel = "hidden.oddflow"')
    assert holds(told, Level.FAULT, "source a", "nobody may not read")
    assert holds(told, Level.FAULT, "source a", "nobody may not look into")


@needs_root
@pytest.mark.parametrize(
    ("user", "level", "words"),
    [
        ("nobody", Level.OK, "runs as nobody"),
        ("root", Level.WARNING, "runs as root"),
        ("nonesuch", Level.FAULT, "useradd --system"),
    ],
)
def test_the_user_is_looked_up(folder, free_port, user, level, words):
    path = folder / "x.toml"
    path.write_text(f'[service]\nuser = "{user}"\nstate = "s"\n[web]\nlisten = "127.0.0.1:{free_port}"\n')
    told = [(one.level, one.about, f"{one.text}; {one.advice}") for one in examine(read(path).settings).found]
    assert holds(told, level, "service", words)


@needs_root
def test_a_program_that_the_user_may_not_read_is_a_fault(found, folder, monkeypatch):
    program = folder / "python"
    program.touch(mode=0o755)
    monkeypatch.setattr(machine, "PROGRAM", (program,))
    nobody, findings = Account.named("nobody"), Findings()
    machine.examine_program(nobody, findings)
    assert findings.found == []
    program.chmod(0o700)
    machine.examine_program(nobody, findings)
    assert [(one.level, one.text) for one in findings.found] == [(Level.FAULT, f"nobody may not read {program}")]


@needs_root
def test_the_state_folder_must_be_the_users_and_nobody_elses(found, folder):
    assert holds(found(), Level.OK, "service", "will be made")
    state = folder / "state"
    state.mkdir(mode=0o755)
    told = found()
    assert holds(told, Level.FAULT, "service", f"chown -R nobody {state}")
    assert holds(told, Level.WARNING, "service", "others may look into")
    os.chown(state, 65534, 65534)
    state.chmod(0o700)
    assert holds(found(), Level.OK, "service", "can be written")
    state.rmdir()
    state.write_text("")
    assert holds(found(), Level.FAULT, "service", "is no folder")


def test_the_disk_is_compared_with_what_may_be_kept(found):
    assert holds(found("[flows]\nkeep_gib = 900_000"), Level.WARNING, "disk", "lower [flows] keep_gib")


def test_a_full_disk_is_a_fault(found, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    assert holds(found(), Level.FAULT, "disk", "5 B free")


def test_limits_are_summed_beside_the_memory(found, folder, monkeypatch):
    source = '[[sources]]\nname = "a"\ninterface = "lo"\nring_mib = 4096\n'
    monkeypatch.setattr(machine, "memory_bytes", lambda: 4 << 30)
    assert holds(found(source), Level.FAULT, "memory", "there are 4.3 GB; lower max_flows")
    assert holds(found("[uploads]\nmost_memory_mib = 4096"), Level.WARNING, "memory", "most_memory_mib")


@pytest.mark.parametrize(("limit", "wanted"), [("max", 2048 << 10), ("1048576", 1048576), (None, 2048 << 10)])
def test_a_control_group_may_have_less_memory_than_the_machine(tmp_path, limit, wanted):
    (tmp_path / "meminfo").write_text("MemTotal:        2048 kB\nMemFree: 3 kB\n")
    if limit:
        (tmp_path / "max").write_text(f"{limit}\n")
    assert machine.memory_bytes(tmp_path / "meminfo", tmp_path / "max") == wanted


def test_a_port_that_another_program_has_is_a_fault(found):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        told = found(web=f'listen = "127.0.0.1:{taken.getsockname()[1]}"')
    assert holds(told, Level.FAULT, "web", "EADDRINUSE")


def test_a_service_that_runs_may_have_its_ports(found, folder):
    (folder / "state").mkdir(mode=0o700)
    with (
        closing(socket.socket()) as taken,
        closing(socket.socket(type=socket.SOCK_DGRAM)) as exporters,
        (folder / "state" / "lock").open("w") as lock,
    ):
        for one in (taken, exporters):
            one.bind(("127.0.0.1", 0))
        web = f'listen = "127.0.0.1:{taken.getsockname()[1]}"'
        source = f'[[sources]]\nname = "n"\nnetflow = "127.0.0.1:{exporters.getsockname()[1]}"'
        told = found(source, web=web)
        assert holds(told, Level.FAULT, "web", "EADDRINUSE")
        assert holds(told, Level.FAULT, "source n", "EADDRINUSE")
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = found(source, web=web)
        assert holds(told, Level.OK, "web", "by the service that runs")
        assert holds(told, Level.OK, "source n", "by the service that runs")


def test_others_must_not_listen_in_unless_asked_for(found, free_port):
    web = f'listen = "0.0.0.0:{free_port}"'
    assert holds(found(web=web), Level.FAULT, "web", "there is no TLS")
    assert holds(found(web=f"{web}\nallow_plain = true"), Level.WARNING, "web", "let a proxy")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def pair(folder, authority):
    """Writes a certificate and its key."""

    def of(name="a", **told):
        certificate = authority.issue_cert("oddflow.example", **told)
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.key").chmod(0o640)
        if ROOT:
            os.chown(folder / f"{name}.key", 0, 65534)

    return of


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(400, Level.OK, "fit, until"), (3, Level.WARNING, "renew it"), (-1, Level.FAULT, "the certificate ended on")],
)
def test_a_certificates_time_is_looked_at(found, pair, free_port, days, level, words):
    now = datetime.now(UTC)
    pair(not_before=now - timedelta(days=9), not_after=now + timedelta(days=days))
    told = found(web=f'listen = "0.0.0.0:{free_port}"\ntls_certificate = "a.pem"\ntls_key = "a.key"')
    assert holds(told, level, "web", words)
    assert not holds(told, Level.FAULT, "web", "there is no TLS")


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("a.pem", "b.key", "the key does not belong"),
        ("a.key", "a.key", "no PEM"),
        ("none.pem", "a.key", "ENOENT"),
        ("oddflow.toml", "a.key", "no PEM"),
    ],
)
def test_a_pair_that_does_not_fit_is_a_fault(found, pair, certificate, key, words):
    pair("a")
    pair("b")
    told = found(web=f'tls_certificate = "{certificate}"\ntls_key = "{key}"')
    assert holds(told, Level.FAULT, "web", words), told


def test_a_key_that_others_may_read_is_warned_of(found, pair, folder):
    pair("a")
    (folder / "a.key").chmod(0o644)
    assert holds(found(web='tls_certificate = "a.pem"\ntls_key = "a.key"'), Level.WARNING, "web", "chmod o=")


@pytest.mark.parametrize(
    ("to", "level", "words"),
    [
        ("syslog+tls://siem.example:6514?format=ecs", Level.OK, "can be tried"),
        ("kafka:x", Level.FAULT, "to: kafka:x names no host"),
        ("https://x/hook#secret=env:ODDFLOW_NOT_SET", Level.FAULT, "ODDFLOW_NOT_SET"),
        ("syslog+tls://x?ca=/nowhere.pem", Level.FAULT, "ca /nowhere.pem cannot be read"),
        ("file:/nowhere/alerts.eve?format=eve", Level.FAULT, "there is no folder /nowhere"),
    ],
)
def test_a_receiver_is_looked_at(found, to, level, words):
    assert holds(found(f'[[outputs]]\nto = "{to}"'), level, "output 1", words)


def test_a_receiver_that_is_named_twice_is_a_fault(found):
    told = found('[[outputs]]\nto = "syslog+udp://x"\n[[outputs]]\nto = "syslog+udp://x"')
    assert holds(told, Level.FAULT, "outputs", "more than once")


def test_lists_are_read(found, folder):
    (folder / "lists").mkdir(mode=0o755)
    (folder / "lists" / "bad.txt").write_text("192.0.2.1\n")
    assert holds(found('[enrichment]\nintelligence = ["lists"]'), Level.OK, "enrichment", "1 list")
    assert holds(found('[enrichment]\nintelligence = ["none"]'), Level.FAULT, "enrichment", "cannot be read")
    assert holds(found('[enrichment]\ngeoip = "none"'), Level.FAULT, "enrichment", "none")


def test_a_library_that_is_missing_is_a_fault(monkeypatch):
    monkeypatch.setattr(examining, "find_spec", lambda name: None if name == "duckdb" else object())
    findings = Findings()
    examining._libraries(findings)
    assert findings.found[0].text == "the service needs duckdb"


def test_a_store_that_is_something_else_is_a_fault(found, folder):
    (folder / "state").mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "state" / "store.db")) as strange:
        strange.execute("CREATE TABLE theirs (x)")
    assert holds(found(), Level.FAULT, "store", "something else")
