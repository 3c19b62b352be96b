"""`oddflow accounts`, as whoever has the machine calls it."""

from pathlib import Path

import pytest

from oddflow.server.store.store import Store
from tests.cli.call import call


@pytest.fixture
def config(tmp_path: Path) -> str:
    Store.open(f"sqlite:///{tmp_path / 'store.db'}").close()
    path = tmp_path / "oddflow.toml"
    path.write_text(f'[service]\nstate = "{tmp_path}"\n')
    return str(path)


def test_an_account_is_made_by_a_link_and_changed(config: str) -> None:
    assert "no accounts yet" in call("accounts", "list", config).err
    made = call("accounts", "link", config, "Ada", "--role", "analyst")
    assert made.code == 0
    assert made.out.startswith("http://127.0.0.1:8470/first/")
    assert "ada sets a password" in made.err
    assert call("accounts", "role", config, "ada", "viewer").code == 0
    assert call("accounts", "disable", config, "ada").code == 0
    told = call("accounts", "list", config, "--json").json
    assert told == [
        {"name": "ada", "role": "viewer", "disabled": True, "has_password": False, "failed": 0, "last_login": None}
    ]
    assert "disabled" in call("accounts", "list", config).out
    assert call("accounts", "link", config, "ada").message.endswith("`oddflow accounts enable` it first")
    assert call("accounts", "enable", config, "ada", "--json").json["disabled"] is False
    assert call("accounts", "unlock", config, "ada").code == 0


def test_the_trail_says_that_it_was_done_on_the_machine(config: str, tmp_path: Path) -> None:
    call("accounts", "link", config, "ada", "--role", "admin")
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    entries = store.audit.page().items
    store.close()
    assert [entry.action for entry in entries] == ["account.link", "account.add"]
    assert all(entry.who.endswith("on the machine)") for entry in entries)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("link", "{config}", "ada"), "give --role viewer|analyst|admin"),
        (("link", "{config}", "ada", "--role", "boss"), "no role"),
        (("link", "{config}", "<b>", "--role", "viewer"), "a name has 1 to 63"),
        (("role", "{config}", "nobody", "admin"), "oddflow accounts list"),
        (("list", "missing.toml"), "missing.toml"),
    ],
)
def test_a_wrong_call_is_told(config: str, words: tuple[str, ...], told: str) -> None:
    answer = call("accounts", *(word.format(config=config) for word in words))
    assert answer.code == 2
    assert told in answer.err
