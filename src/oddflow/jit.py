"""How kernels are compiled: Numba, bounds checked, cached in a folder that changes with any kernel.

Numba notices a change in the file of a cached function, but not in a file that it imports from;
so the cache folder's name holds a hash of all kernels, and no stale machine code can be met.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

PACKAGE = Path(__file__).parent


def kernel_modules() -> list[str]:
    """The names of all modules that hold kernels."""
    paths = sorted(PACKAGE.rglob("_*kernels.py"))
    return [".".join(("oddflow", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in paths]


@cache
def cache_folder() -> Path:
    """The folder of this version's machine code: ODDFLOW_CACHE, else the user's cache folder."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted([*PACKAGE.rglob("_*kernels.py"), *PACKAGE.rglob("_layout.py"), Path(__file__)]):
        digest.update(path.read_bytes())
    base = os.environ.get("ODDFLOW_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(base) / "oddflow" / f"kernels-{digest.hexdigest()[:16]}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


CACHED = _writable(cache_folder())
"""False where the cache folder cannot be written: kernels then compile anew in each process."""

if CACHED:
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]


def kernel(*signatures: Any, allocates: bool = False, inline: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function when its module is imported, or loads it from the cache.

    Args:
        signatures: Numba signatures, as text or types, so that no input can cause a second compilation.
            None at all makes a helper that is compiled into the kernels that call it.
        allocates: It makes arrays. Others run without Numba's reference counts, which would cost more than their work.
        inline: Copies a helper into its caller before compilation.
    """
    options: dict[str, Any] = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": allocates}
    if not signatures:
        options["inline"] = "always" if inline else "never"
        return numba.njit(**options)  # type: ignore[no-any-return]
    return numba.njit(list(signatures), cache=CACHED, **options)
