import shutil
from dataclasses import replace

import pytest

from oddflow import api
from oddflow.capture.reader import packets
from oddflow.errors import UsageError
from oddflow.losses import Ledger
from oddflow.server.access.identity import Role
from oddflow.server.filling import INCIDENT
from oddflow.server.web.incidents.packets import captures_of, packets_of


def test_the_packets_of_an_alert_come_back(service, guessing):
    folder = service.settings.sources[0].folder
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / INCIDENT
    shutil.copy(api.examples() / INCIDENT, place)
    stored = guessing.incident.top[0]
    moved_ns = stored.start_ns - first_packet_ns(place, stored.first_packet)
    alert = replace(
        stored, source=str(place), captures=(), start_ns=stored.start_ns - moved_ns, end_ns=stored.end_ns - moved_ns
    )
    pcap = packets_of(alert, service.settings.sources[0].name, service.settings)
    assert int.from_bytes(pcap[:4], "little") == 0xA1B23C4D
    assert len(pcap) > 24 + 16 * alert.packets
    place.unlink()


def first_packet_ns(place, number):
    """When a packet of a capture came."""
    for batch in packets(str(place), Ledger()):
        times = batch.field("time_ns")
        if number <= len(times):
            return int(times[number - 1])
        number -= len(times)
    raise AssertionError(number)


@pytest.mark.parametrize("place", ["/etc/passwd", "../state/store.db", "captures/../store.db", ""])
def test_no_other_file_is_given_away(service, guessing, place):
    alert = replace(guessing.incident.top[0], source=place, captures=(place,))
    assert captures_of(alert, service.settings.sources[0].name, service.settings) == []
    with pytest.raises(UsageError, match="not kept here"):
        packets_of(alert, service.settings.sources[0].name, service.settings)


def test_a_link_out_of_the_folder_is_no_way_out(service, guessing, tmp_path):
    folder = service.settings.sources[0].folder
    folder.mkdir(parents=True, exist_ok=True)
    outside = tmp_path / "outside.pcap"
    outside.write_bytes(b"x")
    (folder / "link.pcap").symlink_to(outside)
    alert = replace(guessing.incident.top[0], source=str(folder / "link.pcap"), captures=())
    assert captures_of(alert, service.settings.sources[0].name, service.settings) == []


def test_programs_are_told_why_there_are_none(client, guessing):
    told = client(Role.ANALYST).get(f"/api/v1/alerts/{guessing.incident.top[0].id}/packets")
    assert (told.status_code, told.headers["content-type"]) == (404, "application/problem+json")
    assert "not kept here" in told.json()["detail"]
