"""Costs of batch jobs as a file, and as a table."""

import json

import pytest

from oddflow.bench.simulation.batch import DEALT, METER_RAW, PIPED, Piped
from oddflow.bench.simulation.jobs import FEWEST_DEALT, MEASURED_JOBS, read_jobs, scaled
from oddflow.errors import InputError


def test_what_ships_is_read_and_written_the_same(tmp_path):
    jobs = read_jobs()
    place = tmp_path / "jobs.json"
    place.write_text(json.dumps({"jobs": {name: costs.as_dict() for name, costs in jobs.items()}}))
    assert read_jobs(place) == jobs


def test_more_workers_are_told_to_be_faster():
    head, rows = scaled(read_jobs())
    rates = [float(row[1]) for row in rows]
    assert rates == sorted(rates)
    assert all(len(row) == len(head) for row in rows)


def test_the_simulated_job_is_cut_as_the_cluster_cuts_it():
    folder = pytest.importorskip("oddflow.cluster.folder", reason="needs the extra cluster")
    assert folder.WORTH_DEALING == FEWEST_DEALT
    piped = Piped(1e9)
    assert (piped.unit_bytes, piped.save_bytes) == (folder.SIZES.piped, folder.SIZES.wave)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("gap_s", "long", "gap_s is 'long'"), ("save_s", None, "save_s is None"), ("others", -1.0, "others is -1.0"),
     ("byte_s", {}, "seconds by the kinds"), ("byte_s", {"else": 1.0}, "seconds by the kinds"),
     ("byte_s", {METER_RAW: float("nan")}, "meter_raw is nan")],
)  # fmt: skip
def test_a_figure_that_is_none_is_named(tmp_path, name, value, said):
    told = json.loads(MEASURED_JOBS.read_text())
    told["jobs"][PIPED][name] = value
    place = tmp_path / "jobs.json"
    place.write_text(json.dumps(told))
    with pytest.raises(InputError, match=said):
        read_jobs(place)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"jobs": {DEALT: {}}}), "[" * 100_000])
def test_what_holds_no_jobs_is_refused(tmp_path, text):
    place = tmp_path / "jobs.json"
    place.write_text(text)
    with pytest.raises(InputError, match=r"holds no jobs|jobs lack"):
        read_jobs(place)
