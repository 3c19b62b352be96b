"""Privacy holds for every source that gives flows."""

import threading

import pyarrow as pa
import pytest
from tests.cli.captures import capture

from oddflow.errors import UsageError
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.pseudonyms import Pseudonyms
from oddflow.logs.source import Fingerprint, follow_flows, read_flows
from oddflow.logs.table import TableWriter
from oddflow.logs.workers import deal, work
from oddflow.losses import Ledger

KEYED = Privacy(pseudonyms=Pseudonyms(bytes(range(32))))
OTHER = Privacy(pseudonyms=Pseudonyms(bytes(32)))
BYTELESS = Privacy(keeps_payload=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("privacy")
    (made / "x.pcap").write_bytes(capture(seconds=30))
    flows = read(made / "x.pcap")
    for ending in (".parquet", ".arrow", ".csv"):
        with TableWriter(str(made / f"x{ending}")) as writer:
            writer.write(flows.to_batches()[0])
    return made


def read(path, privacy=OPEN, seen=None):
    return pa.Table.from_batches(read_flows(str(path), Ledger(), privacy=privacy, seen=seen)).combine_chunks()


@pytest.fixture(params=["x.pcap", "x.parquet", "x.arrow", "x.csv", "followed", "workers"])
def source(request, folder):
    """A way to read one kind of source under some privacy."""

    def followed(privacy):
        stop = threading.Event()
        batches = follow_flows(str(folder / "x.pcap"), Ledger(), stop=stop, duration_s=0.3, privacy=privacy)
        return pa.Table.from_batches(batches)

    def shared(privacy):
        taken = []
        jobs = deal([str(folder / "x.pcap")], [Fingerprint("x")], 2)
        work(jobs, [taken.append, taken.append], Ledger(), settings=MeterSettings(), privacy=privacy)
        return pa.Table.from_batches(taken)

    ways = {"followed": followed, "workers": shared}
    return ways.get(request.param, lambda privacy: read(folder / request.param, privacy))


def test_pseudonyms_stand_for_all_addresses(source):
    plain, keyed = source(OPEN), source(KEYED)
    wanted = {KEYED.pseudonyms.address(text) for text in plain["src_ip"].to_pylist()}
    assert set(keyed["src_ip"].to_pylist()) == wanted
    assert not {"intranet", "mail"} & set(keyed["dns_query"].to_pylist()) - {None}
    assert keyed.num_rows == plain.num_rows


def test_no_byte_is_kept(source):
    found = source(BYTELESS)
    assert found["payload"].null_count == found["reverse_payload"].null_count == found.num_rows
    assert sum(found["forward_packets"].to_pylist()) > 0


def test_a_meter_is_told_to_keep_none():
    assert BYTELESS.settings(MeterSettings()).payload is Payload.NONE
    assert KEYED.settings(MeterSettings()) == MeterSettings()


def test_under_pseudonyms_bytes_serve_features_and_are_not_shown():
    assert KEYED.keeps_payload
    assert not KEYED.shows_payload
    assert not KEYED.shown_only().keeps_payload
    assert OPEN.shown_only() == OPEN


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_table_says_under_which_key_it_is(folder, tmp_path, ending):
    path, seen = tmp_path / f"p{ending}", Fingerprint("p")
    with TableWriter(str(path), pseudonyms=KEYED.fingerprint) as writer:
        for batch in read_flows(str(folder / "x.pcap"), Ledger(), privacy=KEYED):
            writer.write(batch)
    plain = read(path, seen=seen)
    assert seen.pseudonyms == KEYED.fingerprint
    assert read(path, KEYED).equals(plain)
    with pytest.raises(UsageError, match=rf"p\{ending}.*{KEYED.fingerprint}.*{OTHER.fingerprint}"):
        read(path, OTHER)


def test_a_source_is_told_what_it_is_under(folder):
    seen = Fingerprint("x")
    read(folder / "x.pcap", KEYED, seen)
    assert seen.pseudonyms == ""
    assert KEYED.name("office.pcap") != "office.pcap"
    assert OPEN.name("office.pcap") == "office.pcap"
    assert OPEN.networks(("10.0.0.0/8",)) == ("10.0.0.0/8",)
