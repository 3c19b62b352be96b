"""A small office to try every command on: learnt once, looked at once."""

from types import SimpleNamespace

import pytest

from .call import call
from .captures import SCANNED, SCANNER, capture

TRUTH = f"""start,end,src_ip,src_port,dst_ip,dst_port,protocol,what
2023-11-14T22:00:00Z,2023-11-14T23:00:00Z,{SCANNER},*,{SCANNED},*,tcp,port scan
"""


@pytest.fixture(scope="session")
def office(tmp_path_factory):
    """Paths of captures, a model and alerts; tests write elsewhere."""
    folder = tmp_path_factory.mktemp("office")
    paths = SimpleNamespace(
        baseline=folder / "baseline.pcap",
        incident=folder / "incident.pcap",
        lossy=folder / "lossy.pcap",
        truth=folder / "truth.csv",
        model=folder / "office.oddflow",
        alerts=folder / "alerts.jsonl",
        detected=folder / "detected.json",
    )
    paths.baseline.write_bytes(capture())
    paths.incident.write_bytes(capture(scan=True, seed=2))
    paths.lossy.write_bytes(capture(arp=True, seed=3))
    paths.truth.write_text(TRUTH)
    learnt = call("learn", paths.baseline, "-o", paths.model, "--detector", "robust-pca")
    assert learnt.code == 0, learnt
    found = call("detect", paths.incident, "-m", paths.model, "-o", paths.alerts, "--json")
    assert found.code == 0, found
    paths.detected.write_text(found.out)
    return paths


@pytest.fixture
def an_id(office):
    """The id of the first alert."""
    return office.alerts.read_text().split('"')[3]
