"""The commented file: all keys are in it, and none says anything but the default."""

import re
import tomllib

import pytest

from oddflow.server.settings.keys import sections
from oddflow.server.settings.read import read
from oddflow.server.settings.sample import Suggestion, sample, uncommented, written
from oddflow.server.settings.settings import OutputSection, Settings, SourceSection
from oddflow.server.settings.suggesting import ports, suggest

KEYS = [(section, key) for section in sections() for key in section.keys]


@pytest.fixture
def settings_of(tmp_path):
    def of(text):
        (tmp_path / "x.toml").write_text(text, encoding="utf-8")
        return read(tmp_path / "x.toml").settings

    return of


@pytest.mark.parametrize(("section", "key"), KEYS, ids=lambda one: one.name)
def test_every_key_is_there_once_and_explained(section, key):
    part = sample().split(f"{section.header}\n")[1].split("\n\n")[0]
    assert len(re.findall(rf"^#{key.name} = ", part, re.MULTILINE)) == 1
    assert len(key.meaning) > 10
    assert key.meaning[-1] == "."


def test_as_it_is_written_it_means_the_defaults(settings_of):
    assert settings_of(sample()) == Settings()


def test_uncommented_it_means_the_defaults_too(settings_of):
    settings = settings_of(uncommented(sample()))
    assert settings.sources == [SourceSection(name="office", interface="eth0")]
    assert settings.outputs == [OutputSection(to="syslog+tls://siem.example.org:6514?format=ecs")]
    assert settings.model_copy(update={"sources": [], "outputs": []}) == Settings()


def test_what_fits_this_machine_is_in_force(settings_of):
    hostile = 'a"\\\x7f\n[web]'
    suggestion = Suggestion(
        {"service": {"name": "north"}}, [{"name": "lan", "interface": hostile}], {"sources": ["Here: it"]}
    )
    settings = settings_of(sample(suggestion))
    assert settings.service.name == "north"
    assert [(source.name, source.interface) for source in settings.sources] == [("lan", hostile)]
    assert "# Here: it\n" in sample(suggestion)


@pytest.mark.parametrize("value", ["", 'q"\\', "ü\u2028\x00\x1f", 0.5, 3, True, ["a", "b"], []])
def test_a_value_reads_back(value):
    assert tomllib.loads(f"x = {written(value)}") == {"x": value}


def made(folder, name, *, up, received):
    place = folder / name
    (place / "statistics").mkdir(parents=True)
    (place / "operstate").write_text("up\n" if up else "down\n")
    (place / "statistics" / "rx_bytes").write_text(f"{received}\n")


def test_the_likeliest_interface_comes_first(tmp_path):
    network = tmp_path / "net"
    made(network, "lo", up=True, received=10**12)
    made(network, "docker0", up=True, received=10**9)
    made(network, "ens1", up=False, received=0)
    made(network, "ens2", up=True, received=5_000)
    made(network, "ens3", up=True, received=10)
    (tmp_path / "route").write_text("Iface\tDestination\tGateway\nens3\t00000000\t0100000A\nens2\t0000000A\t0\n")
    found = ports(network, tmp_path / "route")
    assert [port.name for port in found] == ["ens3", "ens2", "lo", "docker0", "ens1"]
    assert next(port.name for port in ports(network, tmp_path / "none")) == "ens2"
    assert found[0].told == "ens3: up, 10 B received, the default route"
    assert suggest(found).sources == [{"name": "ens3", "interface": "ens3", "model": ""}]
    assert suggest(found[2:]).sources == []
