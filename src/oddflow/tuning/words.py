"""What a search found as command lines and as a protocol: to be run again, by a person or by CI."""

import json
from collections.abc import Mapping
from os import fspath
from shlex import quote

from oddflow import __version__
from oddflow.tuning.reading import Given
from oddflow.tuning.tuned import Tuned


def learn_line(tuned: Tuned, given: Given, output: str = "MODEL.oddflow") -> str:
    """The command that learns and seals what was found."""
    told = "".join(f" --option {quote(f'{option}={word}')}" for option, word in tuned.words.items())
    if given.dataset:
        rows = f"--dataset {quote(given.dataset)}" + (f" --split {given.split}" if given.split else "")
    else:
        rows = " ".join(quote(fspath(source)) for source in given.sources)
        rows += f" --labels {quote(fspath(given.truth))}" if given.truth is not None else ""
    seed = f" --seed {given.seed}" if given.seed else ""
    return f"oddflow learn {rows} --detector {tuned.detector}{told}{seed} -o {quote(output)}"


def evaluate_line(tuned: Tuned, given: Given) -> str:
    """The command that opens the test part, once; "" where there is none."""
    if not given.dataset:
        return ""
    split = f" --split {given.split}" if given.split else ""
    detector = quote(as_one(tuned.detector, tuned.words))
    return f"oddflow evaluate --dataset {quote(given.dataset)}{split} --detector {detector}"


def as_one(detector: str, words: Mapping[str, str]) -> str:
    """A detector with its options in one word.

    >>> as_one("autoencoder", {"hidden": "64,16", "noise": "0.2"})
    'autoencoder:hidden=64,16:noise=0.2'
    """
    return ":".join([detector, *(f"{option}={word}" for option, word in words.items())])


def protocol(tuned: Tuned, given: Given) -> str:
    """What was chosen, and how, as TOML: to be committed before the test part is opened."""
    rows = {"dataset": given.dataset or "", "split": given.split} if given.dataset else {
        "sources": [fspath(source) for source in given.sources],
        "truth": fspath(given.truth) if given.truth is not None else "",
    }  # fmt: skip
    tables = {
        "rows": rows | {"most": given.most, "seed": given.seed},
        "chosen": {
            "detector": as_one(tuned.detector, tuned.words),
            "by": f"oddflow {__version__} tune",
            "measure": tuned.measure,
            "value": round(tuned.value, 6),
            "usual": round(tuned.usual, 6) if tuned.usual is not None else "outside the space",
            "judged": tuned.judged,
            "folds": f"{tuned.folds} by {tuned.dealt}",
            "trials": len(tuned.trials),
        },
        "options": dict(tuned.words),
    }
    lines = ["# Chosen on the rows to learn from alone; the rows to test on were not looked at."]
    for name, entries in tables.items():
        lines += [
            "",
            f"[{name}]",
            *(f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items()),
        ]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else json.dumps(key)
