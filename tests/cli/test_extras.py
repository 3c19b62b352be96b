"""Commands of the service where its extra is not installed."""

import importlib.util

import pytest

from .call import call, refused


@pytest.mark.parametrize(
    "words",
    [("serve", "-i", "lo"), ("search", "all", "--state", "."), ("store", "check", "x.toml"), ("doctor", "x.toml"),
     ("accounts", "list", "x.toml")],
)  # fmt: skip
def test_what_is_missing_is_named_with_what_to_do(words, monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "duckdb" else known(name))
    refused(call(*words), "the service needs duckdb", "pip install 'oddflow[server]'")
