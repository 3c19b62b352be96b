import pytest

from oddflow.errors import UsageError

MINUTES = {0: 5, 60: 7, 3_600: 11, 7_205: 13}


@pytest.fixture
def counted(store):
    for at_s, packets in MINUTES.items():
        store.measures.add("here", "eth0", at_s, {"packets": packets, "open_flows": packets})
    store.measures.add("there", "eth0", 61, {"packets": 100, "open_flows": 1})
    store.measures.add("here", "eth1", 61, {"packets": 1})
    return store.measures


@pytest.mark.parametrize(
    ("step_s", "packets", "open_flows"),
    [
        (60, [(0, 5), (60, 107), (3_600, 11), (7_200, 13)], [(0, 5), (60, 7), (3_600, 11), (7_200, 13)]),
        (120, [(0, 112), (3_600, 11), (7_200, 13)], [(0, 7), (3_600, 11), (7_200, 13)]),
        (3_600, [(0, 112), (3_600, 11), (7_200, 13)], [(0, 7), (3_600, 11), (7_200, 13)]),
        (7_200, [(0, 123), (7_200, 13)], [(0, 11), (7_200, 13)]),
    ],
)
def test_increments_are_added_up_and_levels_are_the_highest(counted, step_s, packets, open_flows):
    found = counted.series(["packets", "open_flows"], since_s=0, until_s=10_000, step_s=step_s)
    assert found["eth0"] == {"packets": packets, "open_flows": open_flows}


def test_whose_they_are(counted):
    found = counted.series(["packets"], sensor="here", source="eth0", since_s=60, until_s=3_600)
    assert found == {"eth0": {"packets": [(60, 7)]}}
    assert set(counted.series(["packets"], since_s=0, until_s=600)) == {"eth0", "eth1"}


def test_a_minute_told_twice_is_one(counted):
    counted.add("here", "eth0", 30, {"packets": 2, "open_flows": 3, "new": 1})
    found = counted.series(["packets", "open_flows", "new"], source="eth0", since_s=0, until_s=60)
    assert found == {"eth0": {"packets": [(0, 7)], "open_flows": [(0, 5)], "new": [(0, 1)]}}


@pytest.mark.parametrize("span", [(0, 0, 60), (10, 5, 60), (0, 1e12, 60), (0, 600, 0), (0, 600, 61), (0, 600, -60)])
def test_a_wrong_time_is_told(store, span):
    since_s, until_s, step_s = span
    with pytest.raises(UsageError, match=r"expected whole minutes|is no time"):
        store.measures.series(["packets"], since_s=since_s, until_s=until_s, step_s=step_s)
