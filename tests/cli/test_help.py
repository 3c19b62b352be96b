"""Help: every command shows and names its options, says what it does, and what its exit codes mean."""

import re

import pytest
from typer.main import get_command

from oddflow.cli.main import app

from .call import call

COMMANDS = sorted(get_command(app).commands)
LEAVES = {name: command for name, command in get_command(app).commands.items() if not hasattr(command, "commands")}
LEAVES |= {f"bench {name}": command for name, command in get_command(app).commands["bench"].commands.items()}


def test_all_commands_are_there():
    wanted = {
        "detect",
        "watch",
        "learn",
        "flows",
        "explain",
        "extract",
        "inspect",
        "detectors",
        "doctor",
        "demo",
        "bench",
    }
    assert wanted <= set(COMMANDS)


def test_the_first_page_names_commands_and_exit_codes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    shown = call("--help").out
    for command in COMMANDS:
        assert f"│ {command} " in shown
    for words in ("0 done", "1 internal error", "2 nothing could be read", "3 part of", "4 alerts", "130 interrupted"):
        assert words in " ".join(shown.split())


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", LEAVES)
def test_help_of_a_command_names_each_of_its_options(command, flag, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    outcome = call(*command.split(), flag)
    assert outcome.code == 0
    for parameter in LEAVES[command].params:
        for name in parameter.opts if parameter.param_type_name == "option" else []:
            assert name in outcome.out, (command, name)
        assert getattr(parameter, "help", ""), f"{command}: {parameter.name} is not explained"


@pytest.mark.parametrize("command", [name for name in LEAVES if name not in {"demo", "serve"}])
def test_every_command_speaks_json(command):
    names = [name for parameter in LEAVES[command].params for name in parameter.opts]
    assert "--json" in names


def test_the_version_is_a_number():
    assert re.fullmatch(r"oddflow \d+\.\d+\.\d+\n", call("--version").out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown(shell, monkeypatch):
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    outcome = call("--show-completion", shell)
    assert outcome.code == 0
    assert "_COMPLETE" in outcome.out
