"""Results that cannot be written: one message, exit code 2, nothing half there, and nothing of ours destroyed."""

import os
import shutil
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from oddflow import jit

from .call import COMMAND, call, left, refused, spawn
from .captures import capture

WRITERS = {
    "flows": ("flows", "{incident}", "-o"),
    "learn": ("learn", "{baseline}", "--detector", "robust-pca", "-o"),
    "alerts": ("detect", "{incident}", "-m", "{model}", "-o"),
    "report": ("detect", "{incident}", "-m", "{model}", "--report"),
    "extract": ("extract", "{alerts}", "{id}", "-w"),
}
ENDING = {"flows": ".csv"}


@pytest.fixture
def write_to(office, an_id):
    """A way to have one command write to a place."""

    def write(name, place):
        known = vars(office) | {"id": an_id}
        return call(*(word.format(**known) for word in WRITERS[name]), place)

    return write


@pytest.mark.parametrize("name", WRITERS)
class TestPlacesThatCannotBeWritten:
    def test_a_folder_that_is_not_there(self, name, tmp_path, write_to):
        place = tmp_path / "nowhere" / f"x{ENDING.get(name, '')}"
        outcome = write_to(name, place)
        assert outcome.code == 2
        assert str(place) in outcome.message

    def test_a_directory(self, name, tmp_path, write_to):
        place = tmp_path / f"folder{ENDING.get(name, '')}"
        place.mkdir()
        outcome = write_to(name, place)
        assert outcome.code == 2
        assert str(place) in outcome.message
        assert left(tmp_path) == [place.name]
        assert left(place) == []

    def test_a_name_that_is_too_long(self, name, tmp_path, write_to):
        assert write_to(name, tmp_path / ("x" * 300 + ENDING.get(name, ""))).code == 2
        assert left(tmp_path) == []

    @pytest.mark.parametrize("place", [".", "..", "/"])
    def test_no_name_at_all(self, name, place, tmp_path, monkeypatch, write_to):
        monkeypatch.chdir(tmp_path)
        assert write_to(name, place).code == 2


@pytest.mark.parametrize("name", ["learn", "extract"])
def test_an_empty_name(name, tmp_path, monkeypatch, write_to):
    monkeypatch.chdir(tmp_path)
    assert write_to(name, "").code == 2


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_there_is_replaced_whole(name, tmp_path, write_to):
    place = tmp_path / f"x{ENDING.get(name, '')}"
    place.write_text("before")
    assert write_to(name, place).code == 0
    assert place.read_bytes()[:6] != b"before"
    assert left(tmp_path) == [place.name]


@pytest.mark.parametrize("name", ["alerts", "extract", "report"])
def test_a_full_device_is_told_and_stays_a_device(name, tmp_path, write_to):
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    refused_after_work(write_to(name, link))
    assert link.is_symlink()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def refused_after_work(outcome):
    assert outcome.code == 2
    assert "No space left" in outcome.message


@pytest.mark.parametrize("name", ["alerts", "extract"])
def test_a_link_stays_one(name, tmp_path, write_to):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert write_to(name, tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").stat().st_size


@pytest.mark.parametrize("name", ["alerts", "extract"])
def test_a_pipe_is_written_to(name, tmp_path, write_to):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copy = tmp_path / "copy"
    with copy.open("wb") as file, subprocess.Popen(["timeout", "20", "cat", pipe], stdout=file):
        assert write_to(name, pipe).code == 0
    assert copy.stat().st_size
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_capture_is_never_replaced_by_what_is_made_of_it(tmp_path, office):
    source = tmp_path / "incident.pcap"
    source.write_bytes(office.incident.read_bytes())
    alerts = tmp_path / "alerts.jsonl"
    assert call("detect", source, "-m", office.model, "-o", alerts).code == 0
    an_id = alerts.read_text().split('"')[3]
    (tmp_path / "link.pcap").symlink_to(source)
    for name in (source, tmp_path / "link.pcap"):
        refused(call("extract", alerts, an_id, "-w", name), "the capture itself")
        refused(call("learn", source, "-o", name, "--detector", "robust-pca"), "a source itself")
    table = tmp_path / "flows.csv"
    assert call("flows", source, "-o", table).code == 0
    refused(call("flows", table, "-o", table), "a source itself")
    assert source.read_bytes() == office.incident.read_bytes()


def test_nothing_is_left_of_a_table_whose_capture_is_none(tmp_path):
    source = tmp_path / "x.pcap"
    source.write_bytes(capture(seconds=20))
    refused(call("flows", source, tmp_path / "missing.pcap", "-o", tmp_path / "x.parquet"), "missing.pcap")
    assert left(tmp_path) == ["x.pcap"]


@pytest.mark.parametrize(
    "words",
    [("--help",), ("flows", "{incident}"), pytest.param(("detectors", "--json"), marks=pytest.mark.slow), ("doctor",)],
)
def test_standard_output_that_is_full(words, office):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = spawn(*(word.format(**vars(office)) for word in words), stdout=full, stderr=-1, capture_output=False)
    assert done.returncode == 2
    assert b"the disk is full: standard output" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@contextmanager
def small_disk(folder, size):
    """A file system of its own that is soon full."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here: root is needed")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_fills(name, tmp_path, write_to):
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "8k"):
        (disk / "ballast").write_bytes(b"x" * 4096)
        filler = disk / "filler"
        if name == "extract":
            filler.write_bytes(b"x" * 4096)
        outcome = write_to(name, disk / f"x{ENDING.get(name, '')}")
        assert outcome.code == 2
        assert str(disk) in outcome.message
        assert "No space left" in outcome.message or "free" in outcome.message
        assert set(left(disk)) <= {"ballast", "filler"}


def nobody(*words, cache):
    """Runs the command as a user whom permissions bind, or skips; `cache` holds compiled kernels."""
    if os.geteuid() != 0:
        as_user = []
    else:
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        works = subprocess.run([*as_user, *COMMAND, "--version"], capture_output=True, check=False)
        if works.returncode:
            pytest.skip("the interpreter cannot be run by another user than root")
    return subprocess.run(
        [*as_user, *COMMAND, *map(str, words)],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        env=os.environ | {"ODDFLOW_CACHE": str(cache)},
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Kernels that another user may load: compiling takes a while."""
    base = tmp_path_factory.mktemp("cache")
    if jit.CACHED:
        shutil.copytree(jit.cache_folder(), base / "oddflow" / jit.cache_folder().name)
    for path in [base, *base.rglob("*")]:
        path.chmod(0o777)
    open_parents(base)
    return base


def open_parents(folder):
    """Lets every user pass through the folders above, or skips."""
    for parent in folder.parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            if parent.stat().st_uid != os.geteuid() or not parent.name.startswith("pytest"):
                pytest.skip(f"{parent} is closed to other users")
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)


@pytest.fixture
def open_folder(tmp_path_factory, office):
    """A folder that every user may enter, with a capture in it."""
    folder = tmp_path_factory.mktemp("open")
    open_parents(folder)
    folder.chmod(0o755)
    (folder / "x.pcap").write_bytes(office.incident.read_bytes())
    (folder / "x.pcap").chmod(0o644)
    return folder


@pytest.mark.slow  # kernels are compiled for the other user
def test_no_permission_to_read(open_folder, cache):
    (open_folder / "x.pcap").chmod(0)
    done = nobody("flows", open_folder / "x.pcap", cache=cache)
    assert done.returncode == 2, done
    assert "may not be read; check its permissions" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_permission_to_enter_the_folder(open_folder, cache):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "x.pcap").touch()
    closed.chmod(0)
    done = nobody("flows", closed / "x.pcap", cache=cache)
    assert done.returncode == 2, done
    assert "x.pcap" in done.stderr
    assert "Permission denied" in done.stderr or "permissions" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_may_not_be_written(open_folder, cache):
    done = nobody("flows", open_folder / "x.pcap", "-o", open_folder / "x.csv", cache=cache)
    assert done.returncode == 2, done
    assert "x.csv cannot be written" in done.stderr
    assert left(open_folder) == ["x.pcap"]


@pytest.mark.slow
def test_a_kernel_cache_that_cannot_be_written_costs_only_time(tmp_path):
    place = tmp_path / "no-folder"
    place.touch()
    done = spawn("doctor", "--json", env=os.environ | {"ODDFLOW_CACHE": str(place)})
    assert done.returncode == 0, done
    assert b"cannot be written" in done.stdout
