"""The lab is scripts beside the package: its folder joins the path as when they run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))
