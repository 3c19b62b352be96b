"""A folder of flows: by the hour, with a manifest; a second run does only what is new; also on an object store."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddflow.cluster.folder import FlowFolder, Outcome
from oddflow.cluster.manifest import Manifest
from oddflow.cluster.place import Place
from oddflow.cluster.starting import Cluster
from oddflow.cluster.storing import Sizes
from oddflow.errors import InputError, OutputError, UsageError
from oddflow.flows.settings import MeterSettings
from oddflow.logs.parts import tables_in
from oddflow.logs.source import arrange, read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA
from tests.capture.build import pcap
from tests.cluster.captures import conversations, write_files

pytest.importorskip("ray", reason="ray is an extra")

HOUR_NS = 3_600_000_000_000


def update(out, *sources, workers=2, merge=False, **how):
    sizes = Sizes(60_000, 150_000, 150_000, 120_000)
    folder = FlowFolder(Cluster(workers, is_local=True), Place.of(str(out)), sizes=sizes, **how)
    return folder.update([str(source) for source in sources], merge=merge)


def by_hour(table):
    """The flows in the order in which parts hold them: that of one machine, hour by hour."""
    hours = table["end"].cast(pa.int64()).to_numpy() // HOUR_NS
    return table.take(pa.array(hours.argsort(kind="stable"))).combine_chunks()


def stored(out):
    """All flows of a folder; its parts are those of the manifest, which tells the truth of them."""
    manifest = Manifest.model_validate_json((out / "manifest.json").read_bytes())
    told = {str(out / part.name): part.rows for source in manifest.sources for part in (*source.parts, *source.tail)}
    tables = tables_in(out)
    assert sorted(tables) == sorted(told)
    read = [pq.read_table(path, partitioning=None) for path in tables]
    assert [told[path] for path in tables] == [table.num_rows for table in read]
    return pa.concat_tables(read).cast(FLOW_SCHEMA).combine_chunks()


def on_one_machine(*sources, merge=False, ledger=None):
    ledger = Ledger() if ledger is None else ledger
    places = [str(source) for source in sources]
    batches = [flows for source in arrange(places, ledger, merge=merge) for flows in read_flows(source, ledger)]
    return pa.Table.from_batches(batches)


@pytest.fixture(scope="module")
def records():
    """An hour and a half."""
    return conversations(11, 3000, step_ms=3_000)


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_flows_lie_by_the_hour_as_one_machine_gives_them(ray_here, tmp_path, records, workers):
    folder = write_files(tmp_path / "in", records, 4)
    done = update(tmp_path / "out", folder, workers=workers)
    ledger = Ledger()
    expected = on_one_machine(folder, ledger=ledger)
    assert stored(tmp_path / "out").equals(by_hour(expected))
    assert done.ledger.as_dict() == ledger.as_dict()
    assert done.outcomes == {str(folder): Outcome.NEW}
    assert len({path.rsplit("/", 1)[0] for path in tables_in(tmp_path / "out")}) > 1


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_a_second_run_does_only_what_is_new(ray_here, tmp_path, records, workers):
    write_files(tmp_path / "all", records, 6)
    folder = tmp_path / "in"
    folder.mkdir()
    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    outcomes = []
    for upto in (3, 3, 5, 6):
        for name in names[:upto]:
            if not (folder / name).exists():
                (tmp_path / "all" / name).rename(folder / name)
        begun = {part: (tmp_path / "out" / part).stat().st_mtime_ns for part in _parts(tmp_path / "out")}
        done = update(tmp_path / "out", folder, workers=workers)
        outcomes.append(done.outcomes[str(folder)])
        kept = {part for part in begun if (tmp_path / "out" / part).exists()}
        assert all((tmp_path / "out" / part).stat().st_mtime_ns == begun[part] for part in kept)
    assert outcomes == [Outcome.NEW, Outcome.UNCHANGED, Outcome.WENT_ON, Outcome.WENT_ON]
    ledger = Ledger()
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(folder, ledger=ledger)))
    assert done.ledger.as_dict() == ledger.as_dict()


def _parts(out):
    return [str(path.relative_to(out)) for path in out.rglob("date=*/*/*.parquet")] if out.exists() else []


@pytest.mark.parametrize("change", ["changed", "earlier"])
def test_what_changed_or_is_earlier_is_done_anew(ray_here, tmp_path, records, change):
    folder = write_files(tmp_path / "in", records, 4)
    first = folder / "0000.pcap"
    if change == "earlier":
        first.rename(tmp_path / "0000.pcap")
    update(tmp_path / "out", folder)
    if change == "earlier":
        (tmp_path / "0000.pcap").rename(first)
    else:
        first.write_bytes(first.read_bytes()[:-100])
    assert update(tmp_path / "out", folder).outcomes == {str(folder): Outcome.ANEW}
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(folder)))
    assert len(list((tmp_path / "out" / "state").iterdir())) == 1


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_a_driver_that_dies_goes_on(ray_here, tmp_path, records, workers, monkeypatch):
    path = tmp_path / "in" / "a.pcap"
    if workers == 1:
        write_files(tmp_path / "in", records, 6)
    else:
        path.parent.mkdir()
        path.write_bytes(pcap(records))
    waves = []
    original = FlowFolder._keep

    def keep(self, place, record):
        original(self, place, record)
        waves.append(record.waves)
        if len(waves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(FlowFolder, "_keep", keep)
    with pytest.raises(KeyboardInterrupt):
        update(tmp_path / "out", tmp_path / "in", workers=workers)
    done = update(tmp_path / "out", tmp_path / "in", workers=workers)
    assert done.outcomes == {str(tmp_path / "in"): Outcome.WENT_ON}
    assert waves[2] > waves[1]  # not from the start
    ledger = Ledger()
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(tmp_path / "in", ledger=ledger)))
    assert done.ledger.as_dict() == ledger.as_dict()


def test_several_sources_each_by_itself_and_a_bad_one_among_them(ray_here, tmp_path, records):
    folder = write_files(tmp_path / "in", records, 5)
    sources = sorted(folder.iterdir())
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"nothing of the kind")
    done = update(tmp_path / "out", *sources[:2], bad, *sources[2:])
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(*sources)))
    assert any("bad.pcap" in damage for damage in done.ledger.damages)
    assert len(done.sources) == 6
    with pytest.raises(InputError, match=r"bad\.pcap"):
        update(tmp_path / "other", bad)


def test_a_table_is_read_as_it_is(ray_here, tmp_path, records):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(records))
    table = on_one_machine(path)
    pq.write_table(table, tmp_path / "flows.parquet")
    update(tmp_path / "out", tmp_path / "flows.parquet")
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(tmp_path / "flows.parquet")))
    assert update(tmp_path / "out", tmp_path / "flows.parquet").outcomes == {
        str(tmp_path / "flows.parquet"): Outcome.UNCHANGED
    }


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"version": 2}',
        json.dumps({"sources": [{"name": "x", "parts": [{"name": "../../x"}]}]}),
    ],
)
def test_a_manifest_that_nobody_wrote_so_is_refused(tmp_path, manifest):
    (tmp_path / "manifest.json").write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    (tmp_path / "x").write_text("stays")
    with pytest.raises(InputError, match=r"manifest\.json is damaged"):
        update(tmp_path, "a.pcap")
    assert (tmp_path / "x").exists()


def test_what_is_kept_for_going_on_may_be_gone(ray_here, tmp_path, records):
    write_files(tmp_path / "in", records[:2000], 2)
    update(tmp_path / "out", tmp_path / "in")
    (state,) = (tmp_path / "out" / "state").iterdir()
    state.write_bytes(b"damaged")
    (tmp_path / "in" / "later.pcap").write_bytes(pcap(records[2000:]))
    update(tmp_path / "out", tmp_path / "in")
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(tmp_path / "in")))


def test_other_settings_and_other_content_are_refused(ray_here, tmp_path, records):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(records[:100]))
    update(tmp_path / "out", path)
    with pytest.raises(OutputError, match="made with other settings"):
        update(tmp_path / "out", path, settings=MeterSettings(idle_timeout_s=3))
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(OutputError, match="holds flows and no manifest"):
        update(tmp_path / "out", path)
    with pytest.raises(OutputError, match="is a file"):
        update(path, path)
    with pytest.raises(UsageError, match="only once"):
        update(tmp_path / "new", "-")


def test_strays_of_a_run_that_died_are_cleared(ray_here, tmp_path, records):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(records[:500]))
    update(tmp_path / "out", path)
    (first, *_) = tables_in(tmp_path / "out")
    stray = re.sub(r"\d{18}\.parquet", "100000000099999999.parquet", first)
    (tmp_path / "out" / stray).write_bytes(b"half")
    update(tmp_path / "out", path)
    assert stored(tmp_path / "out").equals(by_hour(on_one_machine(path)))


def test_more_hours_than_a_clock_tells_stay_together(ray_here, tmp_path, monkeypatch, records):
    spread = [(seconds + number * 7200, us, frame) for number, (seconds, us, frame) in enumerate(records[:300])]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(spread))
    update(tmp_path / "out", path, workers=1)
    assert len(tables_in(tmp_path / "out")) == 1 + 1
    assert sorted(stored(tmp_path / "out")["first_packet"].to_pylist()) == sorted(
        on_one_machine(path)["first_packet"].to_pylist()
    )
