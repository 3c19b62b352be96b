"""Meters captures with kernels that are plain Python and refuse negative indices; prints a digest of each as JSON.

    python -m tests.fuzz.interpreted FILE…

Where a kernel fails, its traceback stands in place of the digest.
"""

import json
import sys
import traceback
from pathlib import Path

from tests.fuzz.guard import interpret


def main():
    """Reads the files named; the last line of output is the result."""
    interpret()
    from tests.fuzz.road import check  # noqa: PLC0415  (kernels must be plain Python before they are imported)

    found = {}
    for name in sys.argv[1:]:
        try:
            found[name] = check(Path(name).read_bytes())
        except Exception:  # noqa: BLE001  (whatever a kernel raises is what is looked for)
            found[name] = traceback.format_exc()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
