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
    # kernels must be plain Python before they are imported
    from tests.fuzz.road import check
    from tests.fuzz.tight import check_tight

    found = {}
    for name in sys.argv[1:]:
        try:
            capture = Path(name).read_bytes()
            check_tight(capture)
            found[name] = check(capture)
        except Exception:  # noqa: BLE001  (whatever a kernel raises is what is looked for)
            found[name] = traceback.format_exc()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
