import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oddflow.datasets import splits
from oddflow.datasets.rows import Label, LabelledRows
from oddflow.datasets.splits import Host
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.schema import AttackCategory

FEATURES = (Feature("a", "", Scale.LINEAR, "{value}"),)
LABELS = (Label("normal", AttackCategory.NORMAL), Label("odd", AttackCategory.OTHER), Label("rare", AttackCategory.DOS))


def rows(y, **more):
    places = np.array(y, np.int16)
    return LabelledRows("own", np.zeros((len(places), 1), np.float32), FEATURES, LABELS, places, **more)


def ends(pairs):
    src, dst = ([f"10.0.0.{host}" for host in side] for side in zip(*pairs, strict=True))
    count = len(pairs)
    return pa.table({"src_ip": src, "src_port": [1] * count, "dst_ip": dst, "dst_port": [2] * count})


def whole(split, count):
    """Asserts that a split takes each row once."""
    assert sorted([*split.train, *split.test]) == list(range(count))
    assert (np.diff(split.train) > 0).all()
    assert (np.diff(split.test) > 0).all()
    assert split.train.dtype == split.test.dtype == np.int64
    assert len(split.train)
    assert len(split.test)


CLASSES = st.lists(st.integers(0, 2), min_size=4, max_size=60)
SEEDS = st.integers(0, 2**31)
SHARES = st.floats(0.1, 0.9)


@given(CLASSES, SHARES, SEEDS)
def test_stratified_keeps_the_share_of_each_class(y, share, seed):
    assume(len(y) > len(set(y)))
    given_rows = rows(y)
    if min(np.bincount(y)[np.unique(y)]) > 1:
        split = splits.stratified(given_rows, test_share=share, seed=seed)
        whole(split, len(y))
        for label in set(y):
            count = y.count(label)
            tested = (given_rows.y[split.test] == label).sum()
            assert abs(tested - count * share) <= 1
            assert 0 < tested < count
        again = splits.stratified(given_rows, test_share=share, seed=seed)
        assert again.test.tolist() == split.test.tolist()


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), SHARES)
def test_by_time_no_times_are_shared(times, share):
    assume(len(set(times)) > 1)
    given_rows = rows([0] * len(times), times_ns=np.array(times, np.int64))
    split = splits.by_time(given_rows, test_share=share)
    whole(split, len(times))
    assert given_rows.times_ns[split.train].max() < given_rows.times_ns[split.test].min()


PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=40)


@given(PAIRS, SHARES, SEEDS, st.sampled_from(Host))
def test_by_host_no_host_is_on_both_sides(pairs, share, seed, host):
    given_rows = rows([0] * len(pairs), ends=ends(pairs))
    try:
        split = splits.by_host(given_rows, test_share=share, seed=seed, host=host)
    except UsageError:
        return
    whole(split, len(pairs))
    side = {Host.BOTH: (0, 1), Host.INITIATOR: (0,), Host.RESPONDER: (1,)}[host]
    train, test = ({pairs[row][end] for row in places for end in side} for places in (split.train, split.test))
    assert not train & test
    assert abs(len(split.test) - share * len(pairs)) <= 0.5 * share * len(pairs)


@given(PAIRS)
def test_hosts_that_hang_together_are_those_of_a_plain_search(pairs):
    found = splits.hosts_together(ends(pairs), ("src_ip", "dst_ip"))
    groups = [{pair[0], pair[1]} for pair in pairs]
    for pair in pairs:
        met = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if not group & set(pair)] + [set().union(*met)]
    expected = [next(place for place, group in enumerate(groups) if pair[0] in group) for pair in pairs]
    assert [[a == b for b in expected] for a in expected] == [[a == b for b in found] for a in found]


def test_a_server_that_all_talk_to_leaves_no_split_by_host():
    given_rows = rows([0] * 20, ends=ends([(client, 99) for client in range(20)]))
    with pytest.raises(UsageError, match="100% of its rows hang together"):
        splits.by_host(given_rows)
    whole(splits.by_host(given_rows, host=Host.INITIATOR), 20)


@given(st.lists(st.integers(0, 5), min_size=4, max_size=40), SEEDS)
def test_by_capture_each_stands_on_one_side(captures, seed):
    names = tuple("abcdef")
    given_rows = rows([0] * len(captures), captures=names, capture=np.array(captures, np.int32))
    try:
        split = splits.by_capture(given_rows, seed=seed)
    except UsageError:
        return
    whole(split, len(captures))
    assert not set(given_rows.capture[split.train]) & set(given_rows.capture[split.test])


def test_by_capture_of_names():
    given_rows = rows([0, 0, 0], captures=("a", "b"), capture=np.array([0, 1, 0], np.int32))
    assert splits.by_capture(given_rows, test=["b"]).test.tolist() == [1]
    with pytest.raises(UsageError, match="no capture 'c'"):
        splits.by_capture(given_rows, test=["c"])


@given(CLASSES, st.integers(2, 4), SEEDS)
def test_folds_test_each_row_once(y, folds, seed):
    given_rows = rows(y)
    for make in (splits.k_fold, splits.stratified_k_fold):
        found = list(make(given_rows, folds=folds, seed=seed))
        assert len(found) == folds
        for split in found:
            whole(split, len(y))
        tested = np.concatenate([split.test for split in found])
        assert sorted(tested) == list(range(len(y)))
        sizes = [len(split.test) for split in found]
        assert max(sizes) - min(sizes) <= 1
        again = list(make(given_rows, folds=folds, seed=seed))
        assert all((a.test == b.test).all() for a, b in zip(found, again, strict=True))
    for label in set(y):
        counts = [(given_rows.y[split.test] == label).sum() for split in found]
        assert max(counts) - min(counts) <= 1


def test_repeats_are_dealt_anew_and_named():
    found = list(splits.repeated_k_fold(rows([0, 1] * 20), folds=2, repeats=3, seed=7))
    assert len(found) == 6
    assert found[-1].name == "stratified fold 2 of 2, repeat 3 of 3"
    assert len({tuple(split.test) for split in found}) == 6


def test_another_seed_gives_another_split():
    given_rows = rows([0, 1] * 50)
    one, other = (splits.stratified(given_rows, seed=seed).test.tolist() for seed in (1, 2))
    assert one != other


def test_official_is_what_the_authors_say():
    part = np.array([0, 1, 0, 2], np.int8)
    given_rows = rows([0, 0, 0, 0], parts=("train", "test", "other"), part=part)
    split = splits.official(given_rows)
    assert (split.name, split.train.tolist(), split.test.tolist()) == ("official", [0, 2], [1])
    assert splits.official(given_rows, test="other").test.tolist() == [3]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("official", "no official split"), ("time", "does not say when"), ("host", "which hosts"),
        ("capture", "one capture or file alone"), ("by magic", "expected official, stratified, time"),
    ],
)  # fmt: skip
def test_what_a_set_lacks_is_said(name, what):
    with pytest.raises(UsageError, match=what):
        splits.splits(rows([0, 1, 0, 1]), name)


def test_a_part_that_was_not_read_is_named():
    with pytest.raises(UsageError, match="'train' was not read, only test"):
        splits.official(rows([0, 1], parts=("test",), part=np.zeros(2, np.int8)))


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="test_share is"):
        splits.stratified(rows([0, 1, 0, 1]), test_share=share)


@pytest.mark.parametrize("folds", [0, 1, 5])
def test_folds_that_are_none_are_refused(folds):
    with pytest.raises(UsageError, match=f"folds is {folds}; expected 2 to 4"):
        list(splits.k_fold(rows([0, 1, 0, 1]), folds=folds))


def test_all_rows_of_one_time_cannot_be_split_by_it():
    with pytest.raises(UsageError, match="one time alone"):
        splits.by_time(rows([0, 0], times_ns=np.zeros(2, np.int64)))


def test_splits_by_name_are_lists():
    given_rows = rows([0, 1] * 6)
    assert len(splits.splits(given_rows, "k-fold", folds=3)) == 3
    assert len(splits.splits(given_rows, "stratified-k-fold", folds=4)) == 4
    assert splits.splits(given_rows, "stratified")[0].name == "stratified"
