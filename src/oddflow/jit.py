"""How kernels are compiled: Numba, bounds checked, cached in a folder that changes with any kernel.

Numba notices a change in the file of a cached function, but not in a file that it imports from;
so the cache folder's name holds a hash of all kernels, and no stale machine code can be met.
"""

import hashlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite.binding
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.runtime.nrt import rtsys

if TYPE_CHECKING:
    from types import FrameType

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


def kernel(
    *signatures: Any, allocates: bool = False, inline: bool = False, merged: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function when its module is imported, or loads it from the cache.

    Args:
        signatures: Numba signatures, as text or types, so that no input can cause a second compilation.
            None at all makes a helper that is compiled into the kernels that call it.
        allocates: It makes arrays. Others run without Numba's reference counts, which would cost more than their work.
        inline: Copies a helper into its caller before compilation.
        merged: Has the machine code of a helper stand in its callers: a call that hands on many arrays pushes hundreds
            of words.
    """
    options: dict[str, Any] = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": allocates}
    if not signatures:
        options["inline"] = "always" if inline else "never"
        options["forceinline"] = merged
        return numba.njit(**options)  # type: ignore[no-any-return]
    if not CACHED or numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return numba.njit(list(signatures), **options)
    return lambda function: _cached(function, signatures, options)


def _cached(function: Callable[..., Any], signatures: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `numba.njit(signatures, cache=True)` gives, by way of the quick cache."""
    dispatcher = numba.njit(**options)(function)
    dispatcher.enable_caching()
    dispatcher._cache = QuickCache(function)  # type: ignore[no-untyped-call]  # noqa: SLF001
    with _uninterrupted():
        for signature in signatures:
            dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C wait: LLVM calls back into Python while it loads code, and an exception there ends in a crash."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    met: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: met.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if met:
            handler(*met[0])


@cache
def _say_once() -> None:
    """Whoever waits is told for what."""
    logging.getLogger("oddflow").warning("compiling kernels for this machine, once: a minute or two")


KNOWN_NUMBA = "0.68."
"""The Numba whose inside `QuickResults` was written for; with another, kernels load as Numba loads them."""


class LateLibrary(JITCodeLibrary):
    """Machine code from the cache whose bitcode is parsed only if another function is compiled that calls it."""

    bitcode: bytes = b""

    def _get_module_for_linking(self) -> Any:
        if self.bitcode:
            self._shared_module = llvmlite.binding.parse_bitcode(self.bitcode)
            self.bitcode = b""
        return super()._get_module_for_linking()  # type: ignore[no-untyped-call]


@cache
def _nothing() -> bytes:
    """The bitcode of an empty module."""
    return llvmlite.binding.parse_assembly("").as_bitcode()  # type: ignore[no-any-return]


class QuickResults(CompileResultCacheImpl):
    """Makes functions of what the cache holds, without reading bitcode: half of the time that loading takes."""

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """The compiled function."""
        (name, kind, data), described, *rest = payload
        if kind != "object":
            return super().rebuild(target_context, payload)  # type: ignore[no-untyped-call]
        code, bitcode = data
        # what bitcode would tell: the names that are looked up in the code
        target_context.codegen()._engine._defined_symbols |= {  # noqa: SLF001
            described.llvm_func_name, described.llvm_cpython_wrapper_name, described.llvm_cfunc_wrapper_name,
        }  # fmt: skip
        result = super().rebuild(target_context, ((name, kind, (code, _nothing())), described, *rest))  # type: ignore[no-untyped-call]
        result.library.__class__ = LateLibrary
        result.library.bitcode = bitcode
        return result


class QuickCache(FunctionCache):
    """Loads machine code without what only a compilation needs.

    Numba imports all that it knows how to compile (half a second, SciPy too where it is installed) before it looks into
    its cache.
    """

    _impl_class = QuickResults if numba.__version__.startswith(KNOWN_NUMBA) else CompileResultCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The cached code for a signature, or None once the compiler is ready for it."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            if found is not None:
                return found
        _say_once()
        return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
