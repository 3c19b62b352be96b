"""Windows: information of hosts and services, compared with computing it anew for every flow."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, integers, lists, sampled_from
from tests.features.build import S, flows, pieces
from tests.features.windows_twin import Twin

from oddflow.errors import UsageError
from oddflow.features import _windows_kernels as kernels
from oddflow.features import windows
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.tabular import Tabular
from oddflow.features.windows import HOST, HOST_MEANS, SERVICE, WindowedTabular, Windows

HOUR = 3_600 * S
STEPS = [0, 1, S, 7 * S, 10 * S, 60 * S, 120 * S, 301 * S, HOUR // 2, HOUR, 23 * HOUR, 24 * HOUR, 200 * HOUR, -5 * S]
SHAPES = ((np.int64, -1), (np.uint64, -1), (np.uint64, (-1, 3)), (np.int64, (-1, 2)))
NAMES = [feature.name for feature in Windows.features]

events = builds(
    lambda step, key, values, sizes: (step, key, tuple(values), tuple(sizes)),
    sampled_from(STEPS),
    sampled_from([3, 5, 2**64 - 1]),
    lists(integers(1, 3), min_size=3, max_size=3),
    lists(sampled_from([0, 16, 170]), min_size=2, max_size=2),
)


def told_by_kernel(rows, sizes, monkeypatch, most_keys):
    monkeypatch.setattr(windows, "MOST_KEYS", most_keys)
    keys, at, found = windows._Keys(HOST_MEANS), 0, []
    for size in [*sizes, len(rows)]:
        part = rows[at : at + size]
        at += size
        ends, names, values, amounts = (
            np.array([row[place] for row in part], kind).reshape(shape) for place, (kind, shape) in enumerate(SHAPES)
        )
        found.append(keys.add(ends, names, values, amounts))
    return np.concatenate(found), keys


def at_times(rows):
    end, found = 10**18, []
    for step, *rest in rows:
        end += step
        found.append((end, *rest))
    return found


@pytest.mark.parametrize("most_keys", [2, 8])
@settings(max_examples=60, deadline=None)
@given(rows=lists(events, min_size=1, max_size=40), sizes=lists(integers(0, 9), max_size=5))
def test_windows_tell_what_computing_anew_tells_however_they_are_cut(most_keys, rows, sizes):
    with pytest.MonkeyPatch.context() as patch:
        rows = at_times(rows)
        found, keys = told_by_kernel(rows, sizes, patch, most_keys)
        twin = Twin(most_keys, HOST_MEANS)
        np.testing.assert_allclose(found, [twin.add(*row) for row in rows], rtol=1e-5, atol=1e-5)
        assert keys.recent.forgotten == twin.forgotten


def test_long_streams_of_full_rings_stay_exact():
    rng = np.random.default_rng(0)
    rows = [(10**18 + i * S, 1 + i % 2, tuple(rng.zipf(1.5, 3) % 50 + 1), (i % 7, i % 5)) for i in range(1_500)]
    with pytest.MonkeyPatch.context() as patch:
        found, _ = told_by_kernel(rows, (700,), patch, 8)
    twin = Twin(8, HOST_MEANS)
    np.testing.assert_allclose(found, [twin.add(*row) for row in rows], rtol=1e-5, atol=1e-5)


def told(rows, sizes=(1_000,)):
    kept = Windows()
    zeros = np.zeros(len(rows))
    parts = [kept.add(piece, zeros[: piece.num_rows], zeros[: piece.num_rows]) for piece in pieces(flows(rows), sizes)]
    return dict(zip(NAMES, np.concatenate(parts).T, strict=True)), kept


def usual_day(count=400):
    return [{"end": i * S, "dst_port": 443, "dst_ip": f"8.8.8.{i % 4}", "src_port": 30_000 + i} for i in range(count)]


def test_a_scan_shows_in_the_ports_and_their_past_and_what_is_new():
    scan = [{"end": (400 + i // 10) * S, "dst_port": 1 + i, "dst_ip": "10.0.0.9", "src_port": 99} for i in range(100)]
    columns, _ = told(usual_day() + scan)
    for name, least in (("host_port_entropy", 5), ("host_port_given_peer", 5), ("host_port_divergence", 2)):
        assert columns[name][399] < 0.5
        assert columns[name][-1] > least
    assert columns["host_source_port_entropy"][399] > 5
    assert columns["host_source_port_entropy"][-1] < 1
    assert columns["host_new_port"][398:402].tolist() == [0, 0, 1, 1]
    assert columns["host_new_ports"][-1] == kernels.RING
    assert columns["host_new_peer"].sum() == 1


def test_many_clients_of_one_service_show_in_its_entropy():
    flood = [{"end": (400 + i // 50) * S, "src_ip": f"10.9.{i // 200}.{i % 200}", "dst_ip": "8.8.8.0", "dst_port": 443}
             for i in range(300)]  # fmt: skip
    columns, _ = told(usual_day() + flood)
    assert columns["service_client_entropy"][399] < 0.5
    assert columns["service_client_entropy"][-1] > 5
    assert columns["service_new_clients"][-1] == kernels.RING


def test_a_busy_hour_is_odd_once_earlier_days_were_quiet():
    quiet = [{"end": (24 * day + 3) * HOUR + i * 100 * S} for day in range(5) for i in range(30)]
    busy = [{"end": (24 * 5 + 3) * HOUR + i * S} for i in range(900)]
    columns, kept = told(quiet + busy)
    assert columns["host_hour_of_day"][:60].tolist() == [0.0] * 60  # the first hour was not seen whole
    assert abs(columns["host_hour_of_day"][60:150]).max() < 2.5
    assert columns["host_hour_of_day"][-1] > 20
    assert not columns["host_hour_of_week"].any()
    assert kept.met == {"new", "day"}


def test_memory_does_not_grow_with_hosts():
    kept = Windows()
    batch = flows([{"end": i, "src_ip": f"10.{i >> 8}.{i & 255}.1"} for i in range(windows.MOST_KEYS + 100)])
    before = kept._hosts.words.nbytes
    kept.add(batch, np.zeros(batch.num_rows), np.zeros(batch.num_rows))
    assert kept.forgotten == 100
    assert kept._hosts.recent.known == windows.MOST_KEYS
    assert kept._hosts.words.nbytes == before
    assert len(kept._hosts.recent.keys) == windows.MOST_KEYS


def windowed(known=None, version="windows-1"):
    return WindowedTabular.of(version, HomeNetworks(), known or ContextSettings())


@pytest.mark.parametrize("version", windows.WINDOWED)
def test_the_columns_of_the_tabular_kind_stand_first_and_are_the_same(version):
    batch = flows(usual_day(50))
    rows = windowed(version=version).rows(batch)
    tabular = Tabular(kind=windows.WINDOWED[version])
    np.testing.assert_array_equal(rows[:, : len(tabular.features)], tabular.rows(batch))
    assert rows.shape[1] == len(tabular.features) + len(HOST) + len(SERVICE)
    assert len({feature.name for feature in windowed(version=version).features}) == rows.shape[1]
    assert np.isfinite(rows).all()


def test_a_model_never_sees_what_its_baseline_was_too_short_for():
    short, long = flows(usual_day(100)), flows([*usual_day(400), {"end": 401 * S, "dst_port": 7}])
    learnt = windowed()
    learnt.rows(short)
    assert learnt.context_settings["windows_told"] == []
    place = [feature.name for feature in learnt.features].index("host_new_port")
    assert windowed(learnt.context_settings).rows(long)[-1, place] == 0
    learnt.begin()
    learnt.rows(long)
    assert learnt.context_settings["windows_told"] == ["new"]
    assert windowed(learnt.context_settings).rows(long)[-1, place] == 1
    assert windowed(learnt.context_settings).context_settings == learnt.context_settings


def test_the_page_names_every_column():
    page = Path(__file__).parents[2].joinpath("docs", "windows.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in page] == []


def test_another_source_begins_anew():
    kept = windowed()
    first = kept.rows(flows(usual_day(90)))
    kept.begin()
    np.testing.assert_array_equal(kept.rows(flows(usual_day(90))), first)


@pytest.mark.parametrize("told_of", [None, "day", ["night"], [{}], [["day"]]])
def test_settings_that_are_none_are_refused(told_of):
    with pytest.raises(UsageError, match="windows_told"):
        windowed({**ContextSettings().as_dict(), "windows_told": told_of})
