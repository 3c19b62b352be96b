"""Captures in a real S3 server, and flows written to it: moto, on this machine."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddflow.capture.capture_set import CaptureSet
from oddflow.cluster.folder import FlowFolder, Outcome
from oddflow.cluster.manifest import Manifest
from oddflow.cluster.place import Place
from oddflow.cluster.starting import Cluster
from oddflow.cluster.storing import Sizes
from oddflow.cluster.streaming import Reader
from oddflow.errors import Unreadable
from oddflow.logs.source import arrange, read_flows
from oddflow.losses import Ledger
from tests.capture.build import pcap
from tests.cluster.captures import conversations, write_files

pytest.importorskip("ray", reason="ray is an extra")
pytest.importorskip("s3fs", reason="s3fs is an extra")
moto_server = pytest.importorskip("moto.server", reason="moto is for developers")

SECRET = "not-to-be-told"  # noqa: S105


@pytest.fixture(scope="module")
def bucket(s3_here):
    """A bucket on a server that users find as they do any: by their environment."""
    import boto3  # noqa: PLC0415

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=s3_here, verbose=False)
    server.start()
    client = boto3.client("s3")
    client.create_bucket(Bucket="lab")
    yield client
    client.close()
    server.stop()


@pytest.fixture(scope="module")
def captures(bucket, tmp_path_factory):
    """The same captures on disk, and under a prefix."""
    folder = write_files(tmp_path_factory.mktemp("s3") / "in", conversations(21, 2500), 5, forms=("pcap", "gz"))
    for path in folder.iterdir():
        bucket.put_object(Bucket="lab", Key=f"captures/{path.name}", Body=path.read_bytes())
    bucket.put_object(Bucket="lab", Key="captures/notes.txt", Body=b"no capture")
    bucket.put_object(Bucket="lab", Key="large/a.pcap", Body=pcap(conversations(22, 2500)))
    return folder


@pytest.fixture
def on_s3(ray_here):
    """Two workers that know where the server is."""
    return Cluster(2, is_local=True)


def flows_of(place, read, ledger):
    (source,) = arrange([str(place)], ledger)
    return pa.Table.from_batches(read(source, ledger)).combine_chunks()


def test_a_prefix_is_a_folder_and_a_large_object_is_read_in_pieces(on_s3, captures, tmp_path):
    reader = Reader(on_s3, unit_bytes=60_000, wave_bytes=200_000)
    ledger, local = Ledger(), Ledger()
    found = flows_of("s3://lab/captures/", reader.read, ledger)
    expected = flows_of(captures, read_flows, local)
    assert found.drop_columns(["capture"]).equals(expected.drop_columns(["capture"]))
    assert set(found["capture"].to_pylist()) == {f"s3://lab/captures/{path.name}" for path in captures.iterdir()}
    assert any("notes.txt" in note for note in ledger.notes)
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(conversations(22, 2500)))
    large = flows_of("s3://lab/large/a.pcap", reader.read, Ledger())
    assert large.equals(flows_of(path, read_flows, Ledger()))


def test_flows_are_written_to_a_bucket_and_kept_up_to_date(on_s3, captures, bucket):
    def update():
        folder = FlowFolder(on_s3, Place.of("s3://lab/flows/"), sizes=Sizes(60_000, 200_000, 10**6))
        return folder.update(["s3://lab/captures/"])

    assert update().outcomes == {"s3://lab/captures/": Outcome.NEW}
    assert update().outcomes == {"s3://lab/captures/": Outcome.UNCHANGED}
    body = bucket.get_object(Bucket="lab", Key="flows/manifest.json")["Body"].read()
    assert SECRET.encode() not in body
    (source,) = Manifest.model_validate_json(body).sources
    names = sorted(part.name for part in (*source.parts, *source.tail))
    tables = [bucket.get_object(Bucket="lab", Key=f"flows/{name}")["Body"].read() for name in names]
    found = sum(pq.read_metadata(io.BytesIO(table)).num_rows for table in tables)
    assert found == flows_of(captures, read_flows, Ledger()).num_rows == source.flows


@pytest.mark.parametrize("url", ["s3://lab/nothing-there/", "s3://no-such-bucket/x/", "s3://lab/absent.pcap"])
def test_what_is_not_there_is_told_without_a_secret(bucket, url):
    with pytest.raises(Unreadable) as told:
        CaptureSet.of([url], Ledger())
    assert url.rstrip("/") in str(told.value)
    assert SECRET not in str(told.value)
