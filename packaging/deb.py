"""Builds a .deb from a wheel: `python packaging/deb.py dist/oddflow-VERSION-py3-none-any.whl --out dist`.

The program and the locked versions of all libraries that a sensor and the service use lie in /opt/oddflow, a virtual
environment of Debian's own Python, so that nothing of the system is changed and nothing is fetched at installation. Its
Python has the minor version of the one that runs this; nothing else of this machine gets into the package.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from generate import COMPLETIONS, generate

from oddflow import __version__

HERE = Path(__file__).parent
LOCK = HERE.parent / "requirements.lock"
EXTRAS = "server,postgres,kafka,enrich,remote"
"""All but what learns networks (torch is larger than all the rest; pip install 'oddflow[train]' elsewhere)."""
PREFIX = "opt/oddflow"
COMMAND = """#!/opt/oddflow/bin/python -I
from oddflow.cli.main import main

main()
"""
UNUSED = ("bin", "pyarrow/tests", "pyarrow/include", "pyarrow/src", "numba/tests", "onnx/backend/test/data")
"""Of the libraries: what only their own tests and compilers read."""
SHELL_FOLDERS = {
    "bash": "usr/share/bash-completion/completions",
    "zsh": "usr/share/zsh/vendor-completions",
    "fish": "usr/share/fish/vendor_completions.d",
}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def build(wheel: Path, out: Path, *, compression: str = "zstd") -> Path:
    """Builds the package; gives its path."""
    epoch_s = int(os.environ.get("SOURCE_DATE_EPOCH") or _last_change_s())
    architecture = _said("dpkg", "--print-architecture")
    target = out / f"oddflow_{__version__}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="oddflow-deb-") as place:
        root = Path(place) / "root"
        _environment(root / PREFIX, wheel)
        _system_files(root, epoch_s)
        _control(root, architecture)
        _same_times(root, epoch_s)
        out.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", root, target],
            check=True,
            env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch_s)},
            stdout=subprocess.DEVNULL,
        )
    return target


def _environment(place: Path, wheel: Path) -> None:
    """A virtual environment (PEP 405) of the Python that will be there, and in it the wheel with its libraries."""
    site = place / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run(
        [*pip, "--only-binary", ":all:", "--target", site, "--constraint", LOCK, f"{wheel.resolve()}[{EXTRAS}]"],
        check=True,
    )
    for name in UNUSED:
        shutil.rmtree(site / name, ignore_errors=True)
    for record in site.glob("*.dist-info/direct_url.json"):
        record.unlink()  # it names the folder of this build
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(f"/usr/bin/{PYTHON}")
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    command = place / "bin" / "oddflow"
    command.write_text(COMMAND)
    # by hash, not by time: times are made the same below
    compile_all = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compile_all, "-s", place, "-p", f"/{PREFIX}", site], check=False, stdout=subprocess.DEVNULL)


def _system_files(root: Path, epoch_s: int) -> None:
    """What the rest of the system looks for, where it looks for it."""
    with tempfile.TemporaryDirectory(prefix="oddflow-texts-") as place:
        texts = Path(place)
        generate(texts, epoch_s)
        for page in sorted((texts / "man").iterdir()):
            folder = root / "usr/share/man" / f"man{page.suffix[1:]}"
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gzip", "-9n", page], check=True)
            shutil.copy(page.with_suffix(page.suffix + ".gz"), folder)
        for shell, name in COMPLETIONS.items():
            _put(texts / "completions" / name, root / SHELL_FOLDERS[shell] / name)
        _put(texts / "oddflow.toml", root / "etc/oddflow/oddflow.toml")
    _put(HERE / "oddflow.service", root / "lib/systemd/system/oddflow.service")
    _put(HERE / "oddflow.sysusers", root / "usr/lib/sysusers.d/oddflow.conf")
    _put(HERE.parent / "LICENSE", root / "usr/share/doc/oddflow/copyright")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/oddflow").symlink_to(f"/{PREFIX}/bin/oddflow")


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _control(root: Path, architecture: str) -> None:
    folder = root / "DEBIAN"
    folder.mkdir()
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    installed_kib = sum(path.stat().st_size for path in files) // 1024
    text = (HERE / "debian" / "control").read_text(encoding="utf-8")
    text = text.format(version=__version__, architecture=architecture, python=PYTHON, installed_kib=installed_kib)
    (folder / "control").write_text(text, encoding="utf-8")
    (folder / "conffiles").write_text("/etc/oddflow/oddflow.toml\n")
    sums = [f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
            for path in files if not path.is_relative_to(folder)]  # fmt: skip
    (folder / "md5sums").write_text("".join(sums))
    for name in ("postinst", "prerm", "postrm"):
        shutil.copy(HERE / "debian" / name, folder / name)


def _same_times(root: Path, epoch_s: int) -> None:
    """The same input makes the same package: times, modes."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or (path.parent in {root / "DEBIAN", root / PREFIX / "bin"} and _is_script(path))
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _last_change_s() -> str:
    try:
        return _said("git", "-C", str(HERE), "log", "-1", "--format=%ct") or "0"
    except (OSError, subprocess.CalledProcessError):
        return "0"


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Build a .deb from a wheel.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=Path("dist"))
    parser.add_argument("--compression", default="zstd", choices=["xz", "gzip", "zstd", "none"])
    given = parser.parse_args()
    if sysconfig.get_platform().split("-")[0] != "linux":
        parser.error("a .deb is built on Linux")
    built = build(given.wheel, given.out, compression=given.compression)
    sys.stdout.write(f"{built}  {built.stat().st_size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
