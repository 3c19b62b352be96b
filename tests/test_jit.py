"""Kernels from the cache: they run, and what is compiled later may call them."""

import subprocess
import sys

CALLER = """
import numpy as np
from oddflow.jit import LateLibrary, kernel
from oddflow.flows._text_kernels import write_macs

libraries = {type(result.library) for result in write_macs.overloads.values()}

@kernel("i8(i8[::1], u1[::1], i4[::1])")
def twice(numbers, text, offsets):
    return write_macs(numbers, text, offsets) + write_macs(numbers, text, offsets)

text, offsets = np.empty(17, np.uint8), np.empty(2, np.int32)
print(libraries == {LateLibrary}, twice(np.array([1], np.int64), text, offsets), text.tobytes().decode())
"""


def test_a_function_compiled_later_calls_one_from_the_cache(tmp_path):
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
        said.append(done.stdout.split())
    # the first process may have compiled what the second one finds
    assert said[1] == ["True", "34", "00:00:00:00:00:01"]
