"""Names, lists and countries in what detect and watch tell; and nothing of them under pseudonyms."""

import json

import pytest
from scapy.layers.dns import DNS, DNSQR, DNSRR

from oddflow.verdicts.record import read_alerts
from tests.capture.build import ether, ipv4, pcap, udp
from tests.enrichment.mmdb import database

from .call import call, fixed_key, refused
from .captures import SCANNED, SCANNER, START_S, packets_of

NAME = "files.office.example"


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """The office with a scan, whose target's name was asked for by the scanner."""
    answer = DNS(id=1, qr=1, qd=DNSQR(qname=NAME), an=[DNSRR(rrname=NAME, type="A", rdata=SCANNED)])
    question = DNS(id=1, qd=DNSQR(qname=NAME))
    packets = packets_of(scan=True, seed=2)
    packets += [
        (1.0, ether(ipv4(udp(bytes(question), 5_353, 53), src=SCANNER, dst="10.0.0.53"))),
        (1.1, ether(ipv4(udp(bytes(answer), 53, 5_353), src="10.0.0.53", dst=SCANNER))),
    ]
    path = tmp_path_factory.mktemp("named") / "named.pcap"
    packets.sort(key=lambda packet: packet[0])
    path.write_bytes(pcap([(START_S + int(at), round(at % 1 * 1e6), frame) for at, frame in packets]))
    return path


@pytest.fixture
def lists(tmp_path):
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "inside.txt").write_text(f"{SCANNER} # a known scanner\noffice.example\nnonsense!\n")
    return folder


def test_names_and_lists_are_told_everywhere(office, named, lists, tmp_path):
    words = ["detect", named, "-m", office.model, "--intelligence", lists, "-o", tmp_path / "a.jsonl"]
    told = call(*words, "--report", tmp_path / "r.html")
    assert told.code == 0
    assert NAME in told.out
    assert "threat intelligence: 2 indicators in 1 list; 1 line not" in told.err
    page = (tmp_path / "r.html").read_text()
    assert f"{SCANNED} is {NAME}" in page
    assert "a known scanner" in page
    scans = [item for item in read_alerts(str(tmp_path / "a.jsonl")) if item.src_ip == SCANNER]
    assert {item.dst_name for item in scans if item.dst_ip == SCANNED} == {NAME}
    for item in scans:
        assert f"{SCANNER} is in the list inside.txt: a known scanner" in item.intelligence
        assert item.reasons[0].feature != "intelligence"
        assert [reason.share for reason in item.reasons if reason.feature == "intelligence"] == [0.0] * len(
            item.intelligence
        )
    assert sum(reason.share for reason in scans[0].reasons) <= 1.001


def test_watch_tells_them_too(office, named, lists, tmp_path):
    words = ["watch", named, "-m", office.model, "--duration", "1", "--patience", 1_000, "--intelligence", lists]
    told = call(*words, "-o", tmp_path / "a.jsonl")
    assert told.code == 0
    assert "a known scanner" in told.out
    assert NAME in {item.dst_name for item in read_alerts(str(tmp_path / "a.jsonl"))}


def test_scores_and_ids_are_those_without_enrichment(office, named, lists, tmp_path):
    call("detect", named, "-m", office.model, "-o", tmp_path / "plain.jsonl")
    call("detect", named, "-m", office.model, "-o", tmp_path / "rich.jsonl", "--intelligence", lists)
    plain, rich = ([(a.id, a.score) for a in read_alerts(str(tmp_path / f"{n}.jsonl"))] for n in ("plain", "rich"))
    assert plain == rich


def test_under_pseudonyms_no_name_is_told(office, named, tmp_path):
    key = fixed_key(tmp_path / "key")
    model = tmp_path / "private.oddflow"
    assert call("learn", office.baseline, "-o", model, "--detector", "robust-pca", "--pseudonymise", key).code == 0
    told = call(
        "detect", named, "-m", model, "--pseudonymise", key, "-o", tmp_path / "a.jsonl", "--json",
        "--to", f"file:{tmp_path}/a.eve?format=eve",
    )  # fmt: skip
    assert told.code == 0
    written = told.out + (tmp_path / "a.jsonl").read_text() + (tmp_path / "a.eve").read_text()
    assert SCANNED not in written
    assert "office.example" not in written


@pytest.mark.parametrize("option", ["--intelligence", "--geoip"])
@pytest.mark.parametrize("command", ["detect", "watch"])
def test_addresses_that_are_hidden_are_not_looked_up(office, tmp_path, option, command):
    key = fixed_key(tmp_path / "key")
    told = call(command, office.incident, "-m", office.model, "--pseudonymise", key, option, tmp_path)
    refused(told, "leave one of them out")


def test_countries_are_told(office, tmp_path):
    pytest.importorskip("maxminddb")
    path = tmp_path / "country.mmdb"
    path.write_bytes(database({"10.0.0.0/8": {"country": {"iso_code": "DE"}}}))
    told = call("detect", office.incident, "-m", office.model, "--geoip", path, "--json")
    assert told.code == 0
    assert told.json["rows"][0]["top"]["src_country"] == ""  # a private address is in no country
    assert refused(call("detect", office.incident, "--geoip", office.incident), "no database") is None


def test_alerts_of_before_are_read(office, tmp_path):
    old = json.loads(office.alerts.read_text().splitlines()[0])
    for name in ("src_name", "dst_name", "src_country", "dst_country", "intelligence"):
        del old[name]
    (tmp_path / "old.jsonl").write_text(json.dumps(old) + "\n")
    (read,) = read_alerts(str(tmp_path / "old.jsonl"))
    assert (read.src_name, read.intelligence, read.known_ends) == ("", (), "")
