"""Writes what a package carries besides the program: `python packaging/generate.py OUT`.

OUT/man/          manual pages
OUT/completions/  for bash, zsh and fish
OUT/oddflow.toml  settings, every key with its default
"""

import os
import sys
from pathlib import Path

from manual import pages
from typer.completion import get_completion_script

from oddflow.server.settings.sample import sample

COMPLETIONS = {"bash": "oddflow", "zsh": "_oddflow", "fish": "oddflow.fish"}
"""What each shell looks for."""


def completion(shell: str) -> str:
    """What makes a shell ask the command what may follow."""
    return get_completion_script(prog_name="oddflow", complete_var="_ODDFLOW_COMPLETE", shell=shell) + "\n"


def generate(out: Path, epoch_s: int) -> list[Path]:
    """Writes all; gives what was written."""
    texts = {out / "man" / name: page for name, page in pages(epoch_s).items()}
    texts |= {out / "completions" / name: completion(shell) for shell, name in COMPLETIONS.items()}
    texts[out / "oddflow.toml"] = sample()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
