"""What a .deb holds, around the libraries, which are not fetched here."""

import hashlib
import shutil
import subprocess
import sys

import pytest

from oddflow import __version__

from .conftest import PACKAGING

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is absent: no package is built")


@pytest.fixture(scope="module")
def built(scripts, tmp_path_factory):
    """Two packages of the same, without libraries."""
    deb = scripts("deb")

    def environment(place, _wheel):
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "oddflow").write_text(deb.COMMAND)
        (place / "bin" / "python").symlink_to("/usr/bin/python3")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deb, "_environment", environment)
        patched.setenv("SOURCE_DATE_EPOCH", "1700000000")
        return [deb.build(None, tmp_path_factory.mktemp("deb"), compression="none") for _ in range(2)]


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_same_input_makes_the_same_package(built):
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in built)
    assert first == second


def test_everything_lies_where_the_system_looks_for_it(built):
    lines = {line.split()[5][1:]: line.split() for line in said("dpkg-deb", "--contents", built[0]).splitlines()}
    for name in (
        "/usr/share/man/man1/oddflow.1.gz",
        "/usr/share/man/man5/oddflow.toml.5.gz",
        "/usr/share/bash-completion/completions/oddflow",
        "/usr/share/zsh/vendor-completions/_oddflow",
        "/usr/share/fish/vendor_completions.d/oddflow.fish",
        "/usr/lib/sysusers.d/oddflow.conf",
        "/lib/systemd/system/oddflow.service",
        "/etc/oddflow/oddflow.toml",
    ):
        assert lines[name][0] == "-rw-r--r--", name
        assert lines[name][1] == "root/root"
    assert lines["/opt/oddflow/bin/oddflow"][0] == "-rwxr-xr-x"
    assert lines["/usr/bin/oddflow"][-1] == "/opt/oddflow/bin/oddflow"


def test_its_control_files_are_whole(built, tmp_path):
    fields = said("dpkg-deb", "--field", built[0])
    assert f"Version: {__version__}\n" in fields
    assert f"Depends: python{sys.version_info.major}.{sys.version_info.minor}, libpcap0.8" in fields
    said("dpkg-deb", "--control", built[0], tmp_path)
    assert (tmp_path / "conffiles").read_text() == "/etc/oddflow/oddflow.toml\n"
    for name in ("postinst", "prerm", "postrm"):
        assert (tmp_path / name).stat().st_mode & 0o111
        said("sh", "-n", tmp_path / name)
    said("dpkg-deb", "--extract", built[0], tmp_path / "root")
    sums = dict(reversed(line.split("  ", 1)) for line in (tmp_path / "md5sums").read_text().splitlines())
    for name, digest in sums.items():
        content = (tmp_path / "root" / name).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == digest
    assert "etc/oddflow/oddflow.toml" in sums


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is absent: no unit is checked")
def test_the_unit_is_sound_and_gives_little_away(tmp_path):
    text = (PACKAGING / "oddflow.service").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("Documentation=")]
    unit = tmp_path / "oddflow.service"
    unit.write_text("\n".join(lines).replace("/usr/bin/oddflow", "/bin/true") + "\n")
    found = subprocess.run(["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    wanted = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", unit]
    found = subprocess.run(wanted, check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout[-300:]
