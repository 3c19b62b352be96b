"""Manual pages, completion and settings as packages carry them."""

import shutil
import subprocess

import pytest
from typer.main import get_command

from oddflow.cli.main import app
from oddflow.server.settings.keys import sections
from oddflow.server.settings.sample import sample


@pytest.fixture(scope="module")
def written(scripts, tmp_path_factory):
    """The folder with all of it."""
    out = tmp_path_factory.mktemp("generated")
    scripts("generate").generate(out, 1_700_000_000)
    return out


@pytest.fixture(scope="module")
def pages(scripts):
    """The pages by their names."""
    return scripts("manual").pages(1_700_000_000)


def test_every_command_has_a_page_with_its_options(scripts, pages):
    escaped = scripts("manual").escaped
    for name, command in scripts("manual").leaves(get_command(app)):
        page = pages[f"oddflow-{name.replace(' ', '-')}.1"]
        for option in command.params:
            wanted = option.opts if option.param_type_name == "option" and option.name != "help" else []
            assert [word for word in wanted if escaped(word) not in page] == []
        assert rf"\fBoddflow\-{escaped(name.replace(' ', '-'))}\fR(1)" in pages["oddflow.1"]
    assert "[bold]" not in "".join(pages.values())
    assert "2023-11-14" in pages["oddflow.1"]


def test_the_settings_page_names_every_key(pages):
    for section in sections():
        for key in section.keys:
            assert rf"\fB{key.name}\fR" in pages["oddflow.toml.5"]


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is absent: no manual page is formatted")
def test_pages_are_formatted_without_a_warning(pages, tmp_path):
    names = []
    for name, page in pages.items():
        (tmp_path / name).write_text(page)
        names.append(tmp_path / name)
    done = subprocess.run(
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-P-c", "-P-b", "-P-u", *names],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.count("SYNOPSIS") == len(pages) - 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(".x", r"\&.x"), ("'x", r"\&'x"), ("a\n.b", "a\n\\&.b"), (r"\fB -x", r"\efB \-x"), ("[bold]a[/bold]", "a")],
)
def test_text_is_never_a_request(scripts, text, wanted):
    assert scripts("manual").escaped(text) == wanted


def test_completion_asks_the_command(written):
    for name in ("oddflow", "_oddflow", "oddflow.fish"):
        assert "_ODDFLOW_COMPLETE=complete_" in (written / "completions" / name).read_text()
    assert subprocess.run(["bash", "-n", written / "completions" / "oddflow"], check=False).returncode == 0
    assert (written / "completions" / "_oddflow").read_text().startswith("#compdef oddflow\n")


def test_the_settings_are_those_that_init_explains(written):
    assert (written / "oddflow.toml").read_text() == sample()
