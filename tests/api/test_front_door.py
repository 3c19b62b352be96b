"""oddflow.flows, learn, detect and examples, as a script uses them."""

import subprocess
import sys

import pyarrow as pa
import pytest

import oddflow
from oddflow.errors import ModelError, NothingMetered, OutputError, Unreadable, UsageError
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.schema import FLOW_SCHEMA
from oddflow.verdicts import detecting
from tests.cli.captures import SCANNED_PORTS, SCANNER, capture


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    (folder / "baseline.pcap").write_bytes(capture())
    (folder / "incident.pcap").write_bytes(capture(scan=True, seed=2))
    (folder / "lossy.pcap").write_bytes(capture(arp=True, seconds=60))
    return folder


@pytest.fixture(scope="module")
def model(office):
    return oddflow.learn(office / "baseline.pcap", output=office / "office.oddflow", detector="robust-pca")


class TestPublicNames:
    def test_all_are_importable(self):
        for name in oddflow.__all__:
            assert getattr(oddflow, name) is not None
        assert set(oddflow.__all__) == {"__version__", "detect", "examples", "flows", "learn", "tune"}

    def test_there_are_no_others(self):
        with pytest.raises(AttributeError, match="moonshine"):
            _ = oddflow.moonshine

    @pytest.mark.parametrize(
        "before",
        [
            "",
            pytest.param("oddflow.examples()", marks=pytest.mark.slow),
            "from oddflow.flows.settings import MeterSettings",
        ],
    )
    def test_flows_stays_the_function(self, before, office):
        twice = f"for _ in range(2): print(len(list(oddflow.flows({str(office / 'lossy.pcap')!r}))))"
        program = f"import oddflow\n{before}\n{twice}"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def test_examples_are_a_folder(self):
        assert oddflow.examples().is_dir()


class TestFlows:
    def test_batches_of_the_schema(self, office):
        batches = list(oddflow.flows(office / "baseline.pcap"))
        assert batches
        assert all(batch.schema == FLOW_SCHEMA for batch in batches)

    def test_paths_text_and_several(self, office):
        one = pa.Table.from_batches(oddflow.flows(str(office / "baseline.pcap")))
        two = pa.Table.from_batches(oddflow.flows(office / "baseline.pcap", office / "incident.pcap"))
        assert two.slice(0, one.num_rows).equals(one)
        assert two.num_rows > one.num_rows

    def test_nothing_is_read_before_it_is_asked_for(self):
        flows = oddflow.flows("missing.pcap")
        with pytest.raises(Unreadable, match=r"missing\.pcap"):
            next(flows)

    def test_losses_are_told(self, office):
        ledger = Ledger()
        list(oddflow.flows(office / "lossy.pcap", ledger=ledger))
        assert (ledger.lost_total, ledger.complete) == (2, False)

    def test_settings_cut_flows(self, office):
        one = sum(batch.num_rows for batch in oddflow.flows(office / "baseline.pcap"))
        short = MeterSettings(active_timeout_s=0.5)
        assert sum(batch.num_rows for batch in oddflow.flows(office / "baseline.pcap", settings=short)) > one

    def test_a_file_that_is_left_half_read_is_closed(self, office):
        flows = oddflow.flows(office / "baseline.pcap")
        next(flows)
        flows.close()


class TestLearn:
    def test_a_model_that_is_written_is_the_one_given(self, office, model):
        loaded = SealedModel.load(office / "office.oddflow")
        assert loaded.fingerprint == model.fingerprint

    def test_the_same_seed_gives_the_same_graph(self, office, model):
        again = oddflow.learn(office / "baseline.pcap", detector="robust-pca")
        assert again.manifest.parts == model.manifest.parts

    def test_too_few_flows(self, tmp_path):
        (tmp_path / "x.pcap").write_bytes(capture(seconds=5))
        with pytest.raises(UsageError, match="too few to learn from"):
            oddflow.learn(tmp_path / "x.pcap", detector="robust-pca")

    def test_no_such_detector(self, office):
        with pytest.raises(UsageError, match="oracle"):
            oddflow.learn(office / "baseline.pcap", detector="oracle")

    def test_no_such_option(self, office):
        with pytest.raises(UsageError):
            oddflow.learn(office / "baseline.pcap", detector="robust-pca", colour="green")

    @pytest.mark.parametrize("place", ["nowhere/x.oddflow", ""])
    def test_a_place_that_cannot_be_written_is_refused_before_learning(self, office, tmp_path, monkeypatch, place):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("oddflow.learning.learn.learn", lambda *_, **__: pytest.fail("it learnt"))
        with pytest.raises(OutputError, match="cannot be written"):
            oddflow.learn(office / "baseline.pcap", output=place, detector="robust-pca")

    def test_a_source_is_not_written_over(self, office):
        with pytest.raises(UsageError, match="a source itself"):
            oddflow.learn(office / "baseline.pcap", output=office / "baseline.pcap", detector="robust-pca")


class TestDetect:
    def test_a_model_or_its_path(self, office, model):
        one = oddflow.detect(office / "incident.pcap", model=model)
        other = oddflow.detect(office / "incident.pcap", model=office / "office.oddflow")
        assert [a.id for row in one.rows for a in row.alerts] == [a.id for row in other.rows for a in row.alerts]
        top = one.rows[0]
        assert top.top.src_ip == SCANNER
        assert SCANNED_PORTS / 2 < len(top.alerts) <= SCANNED_PORTS
        assert one.alerts == sum(len(row.alerts) for row in one.rows)

    def test_scores_descend_and_ranks_ascend(self, office, model):
        found = oddflow.detect(office / "incident.pcap", model=model, false_alarm_rate=0.3)
        assert [row.rank for row in found.rows] == list(range(1, len(found.rows) + 1))
        scores = [row.top.score for row in found.rows]
        assert scores == sorted(scores, reverse=True)

    def test_without_a_model(self, office):
        found = oddflow.detect(office / "incident.pcap")
        assert found.rows[0].top.src_ip == SCANNER
        assert "learnt from this capture itself" in found.remarks[0]

    def test_no_source(self):
        with pytest.raises(UsageError, match="no source"):
            oddflow.detect()

    def test_a_budget_and_a_rate(self, office, model):
        with pytest.raises(UsageError, match="both given"):
            oddflow.detect(office / "incident.pcap", model=model, budget="1/day", false_alarm_rate=0.1)

    @pytest.mark.parametrize("budget", ["", "soon"])
    def test_a_wrong_budget(self, office, model, budget):
        with pytest.raises(UsageError, match="like 10/day"):
            oddflow.detect(office / "incident.pcap", model=model, budget=budget)

    def test_no_model(self, office):
        with pytest.raises(ModelError):
            oddflow.detect(office / "incident.pcap", model=office / "baseline.pcap")

    def test_no_flow(self, office, model, tmp_path):
        (tmp_path / "x.pcap").write_bytes((office / "baseline.pcap").read_bytes()[:24])
        with pytest.raises(NothingMetered):
            oddflow.detect(tmp_path / "x.pcap", model=model)

    def test_progress_is_told_every_byte(self, office, model):
        told = []
        oddflow.detect(office / "incident.pcap", model=model, progress=told.append)
        assert sum(told) == (office / "incident.pcap").stat().st_size

    def test_more_equal_alerts_than_are_kept(self, office, model, monkeypatch):
        """Alerts have no order of their own: equal scores must not ask for one."""
        monkeypatch.setattr(detecting, "MAX_ALERTS", 5)
        found = oddflow.detect(office / "incident.pcap", office / "incident.pcap", model=model)
        assert sum(len(row.alerts) for row in found.rows) == 5
        assert found.alerts == 5 + found.not_kept
        assert any("counted and not listed" in remark for remark in found.remarks)
