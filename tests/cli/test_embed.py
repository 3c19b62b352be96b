"""`oddflow embed`, and models that are learnt with what it writes."""

import json
from importlib.util import find_spec

import pytest

from oddflow.models.port_vectors import PortVectors
from oddflow.verdicts.words import service, service_number

from .call import call, refused

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="embeddings are learnt with torch")


@pytest.fixture(scope="module")
def ports(office, tmp_path_factory):
    place = tmp_path_factory.mktemp("ports") / "ports.safetensors"
    outcome = call("embed", office.baseline, "-o", place, "--json")
    assert outcome.code == 0, outcome
    assert outcome.json["services"] >= 2
    return place


def test_vectors_are_shown_and_learnt_with(ports, office, tmp_path):
    first, second = (service(value) for value in PortVectors.read(ports).services[:2])
    shown = call("embed", "--show", first, ports, "--json").json
    assert shown["service"] == first
    assert second in {near["service"] for near in shown["nearest"]}
    assert -1 <= shown["nearest"][0]["likeness"] <= 1
    model = tmp_path / "x.oddflow"
    words = ("learn", office.baseline, "-o", model, "--detector", "robust-pca", "--option", f"embedding={ports}")
    assert call(*words).code == 0
    assert call("detect", office.incident, "-m", model).code == 0
    assert json.loads(call("inspect", model, "--json").out)["options"]["embedding"] == str(ports)


def test_the_same_traffic_gives_the_same_file(ports, office, tmp_path):
    again = tmp_path / "again.safetensors"
    assert call("embed", office.baseline, "-o", again).code == 0
    assert again.read_bytes() == ports.read_bytes()


def test_words_that_do_not_go_together_are_refused(ports, office, tmp_path):
    refused(call("embed", office.baseline), "-o FILE", "--show SERVICE")
    refused(call("embed", ports, "--show", "443", "-o", tmp_path / "x"), "-o FILE", "--show SERVICE")
    refused(call("embed", ports, ports, "--show", "443"), "one file; 2 given")
    refused(call("embed", office.baseline, "--show", "443"), "no safetensors file", "oddflow embed")
    refused(call("embed", ports, "--show", "tcp/x"), "'tcp/x' names no service")
    refused(call("embed", ports, "--show", "udp/1"), "too rare")


@pytest.mark.parametrize("words", ["", "/", "tcp/", "tcp/65536", "tcp/-1", "x/1", "tcp/²", "9" * 5_000, "1/2/3"])
def test_words_that_name_no_service(words):
    with pytest.raises(Exception, match="names no service"):
        service_number(words)


def test_words_that_name_one():
    assert service_number("ICMP type 8") == 65_536 + 8
    assert service_number("gre") == 47 * 65_536
    assert service_number("443", known=[]) == 6 * 65_536 + 443
