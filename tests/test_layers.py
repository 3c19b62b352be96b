"""Detection never imports torch, and help imports nothing heavy; asked of a fresh interpreter, not of the source."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import oddflow
from tests.capture.build import ether, ipv4, pcap, tcp, udp

LEARNING = ("torch", "onnxscript", "tensorboard", "sklearn", "pyod")
HEAVY = ("numpy", "numba", "pyarrow", "onnxruntime", "torch")
DETECTION = ("capture", "features", "flows", "logs", "models", "reports", "verdicts")


def fresh(code, *arguments, path=None):
    """Runs code in an interpreter of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Two hundred questions and answers, and pages fetched, in two minutes."""
    rng = np.random.default_rng(0)
    records, now_us = [], 0
    for number in range(200):
        now_us += int(rng.exponential(500_000))
        host, port = f"10.0.0.{number % 20 + 2}", 20_000 + number
        size = int(rng.integers(20, 60))
        if number % 2:
            there, back = udp(b"q" * size, port, 53), udp(b"a" * 2 * size, 53, port)
        else:
            there, back = tcp(b"GET /" + b"x" * size, port, 80), tcp(b"HTTP/1.1 200" + b"y" * size, 80, port)
        protocol = 17 if number % 2 else 6
        records.append((now_us, ether(ipv4(there, protocol, src=host, dst="10.0.0.1"))))
        records.append((now_us + 10_000, ether(ipv4(back, protocol, src="10.0.0.1", dst=host))))
    path = tmp_path_factory.mktemp("layers") / "small.pcap"
    path.write_bytes(pcap([(1_700_000_000 + us // 1_000_000, us % 1_000_000, data) for us, data in records]))
    return path


DETECT = """
import sys
if sys.argv[1] == "absent":
    for name in ("torch", "onnxscript", "tensorboard"):
        sys.modules[name] = None
import oddflow, oddflow.api, oddflow.cli.main
found = oddflow.detect(*sys.argv[2:3], model=sys.argv[3] if len(sys.argv) > 3 else None)
print(found.flows)
print([name for name in ("torch", "onnxscript", "tensorboard") if sys.modules.get(name)])
"""


@pytest.mark.parametrize("torch", ["absent", "as it is"])
def test_a_capture_is_looked_at_without_torch(capture, torch):
    assert fresh(DETECT, torch, capture) == ["200", "[]"]


@pytest.mark.parametrize("torch", ["absent", "as it is"])
def test_a_model_that_torch_learnt_detects_without_torch(capture, tmp_path, torch):
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    model = tmp_path / "office.oddflow"
    oddflow.learn(capture, output=model, detector="autoencoder", epochs=2)
    assert fresh(DETECT, torch, capture, model) == ["200", "[]"]


def test_a_first_baseline_is_learnt_without_torch(capture, tmp_path):
    code = """
import sys
sys.modules["torch"] = None
import oddflow
print(oddflow.learn(sys.argv[1], output=sys.argv[2]).manifest.detector)
"""
    assert fresh(code, capture, tmp_path / "office.oddflow") == ["robust-pca"]
    assert (tmp_path / "office.oddflow").stat().st_size


def test_the_command_detects_and_writes_its_report_without_torch(capture, tmp_path):
    code = """
import sys
sys.modules["torch"] = None
from oddflow.cli.main import main
sys.argv = ["oddflow", "detect", sys.argv[1], "--report", "odd.html", "-o", "alerts.jsonl"]
main()
"""
    fresh(code, capture, path=tmp_path)
    assert (tmp_path / "odd.html").stat().st_size
    assert (tmp_path / "alerts.jsonl").exists()


def test_asking_for_what_needs_torch_says_what_to_install(capture, tmp_path):
    code = """
import sys
sys.modules["torch"] = None
import oddflow
from oddflow.errors import UsageError
try:
    oddflow.learn(sys.argv[1], detector="autoencoder")
except UsageError as error:
    print(error)
"""
    (line,) = fresh(code, capture)
    assert "pip install 'oddflow[train]'" in line


def test_no_module_of_detection_imports_what_learns():
    folder = Path(oddflow.__file__).parent
    modules = [
        ".".join(("oddflow", *path.relative_to(folder).with_suffix("").parts))
        for package in DETECTION
        for path in sorted((folder / package).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    assert modules
    code = f"""
import sys
from importlib import import_module
for name in {modules!r}:
    import_module(name)
learning = ("oddflow.detectors", "oddflow.learning", "oddflow.networks", "oddflow.training", "oddflow.triage")
print([name for name in sys.modules if name in {LEARNING!r} or name.startswith(learning)])
"""
    assert fresh(code) == ["[]"]


def test_the_package_imports_nothing_heavy():
    code = f"import sys, oddflow; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert fresh(code) == ["[]"]


def test_metering_loads_neither_verdicts_nor_the_compiler(capture):
    code = """
import sys
from oddflow.cli.main import main
sys.argv = ["oddflow", "flows", sys.argv[1], "--limit", "3"]
main()
"""
    asked = """
heavy = ("oddflow.verdicts", "oddflow.features", "oddflow.reports", "oddflow.models", "scipy.linalg", "numba.np.linalg")
print([name for name in sys.modules if name.startswith(heavy)])
"""
    fresh(code, capture)  # compiles what is not cached yet
    quick = code.replace("main()\n", "try:\n    main()\nexcept SystemExit:\n    pass\n", 1) + asked
    assert fresh(quick, capture)[-1] == "[]"


@pytest.mark.parametrize("command", [[], ["detect"], ["learn"], ["flows"], ["detectors"], ["inspect"], ["explain"]])
def test_help_imports_nothing_heavy(command):
    code = f"""
import sys
from oddflow.cli.main import main
sys.argv = ["oddflow", *sys.argv[1:], "--help"]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    printed = fresh(code, *command)
    assert len(printed) > 5
    assert printed[-1] == "[]"
