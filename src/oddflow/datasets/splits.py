"""Which rows are learnt from and which are tested on: each split the same for the same rows and seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.datasets.rows import LabelledRows, Split
from oddflow.errors import UsageError

Places = NDArray[np.int64]

TEST_SHARE = 0.3
FOLDS = 5
MOST_FOLDS = 1_000
MOST_OFF = 0.5
"""A split by hosts or captures may miss the wanted share of test rows by half of it; more is no split of that size."""


class Host(StrEnum):
    """Which ends of a flow count as its hosts."""

    BOTH = "both"
    INITIATOR = "initiator"
    RESPONDER = "responder"


_ENDS = {Host.BOTH: ("src_ip", "dst_ip"), Host.INITIATOR: ("src_ip",), Host.RESPONDER: ("dst_ip",)}


def official(rows: LabelledRows, *, train: str = "train", test: str = "test") -> Split:
    """The split of the set's authors.

    Raises:
        UsageError: The set has no such parts, or they were not read.
    """
    if rows.part is None:
        raise UsageError(f"{rows.name} has no official split; split it by time, by host, by capture or stratified")
    missing = [part for part in (train, test) if part not in rows.parts]
    if missing:
        raise UsageError(
            f"of {rows.name} the part {missing[0]!r} was not read, only {', '.join(rows.parts)}; is its file there?"
        )
    return _split(rows, "official", *(rows.part == rows.parts.index(part) for part in (train, test)))


def stratified(rows: LabelledRows, *, test_share: float = TEST_SHARE, seed: int = 0) -> Split:
    """At random, the same share of each class; of a class with several rows at least one on either side.

    Raises:
        UsageError: The share is none, or there are too few rows.
    """
    _check_share(test_share)
    chance = np.random.default_rng([seed, 1])
    is_test = np.zeros(len(rows), bool)
    for label in np.unique(rows.y):
        places = chance.permutation(np.flatnonzero(rows.y == label))
        wanted = round(len(places) * test_share)
        is_test[places[: min(max(wanted, 1), len(places) - 1)]] = True
    return _split(rows, "stratified", ~is_test, is_test)


def by_time(rows: LabelledRows, *, test_share: float = TEST_SHARE) -> Split:
    """What ended first is learnt from: every test row ended after every row that is learnt from.

    Raises:
        UsageError: The rows have no times, or all have the same.
    """
    _check_share(test_share)
    if rows.times_ns is None:
        raise UsageError(f"{rows.name} does not say when its rows were; split it stratified or by capture")
    known, counts = np.unique(rows.times_ns, return_counts=True)
    if len(known) < 2:
        raise UsageError(f"{rows.name} has rows of one time alone, {len(rows):,}; split it another way")
    tested = len(rows) - np.cumsum(counts)[:-1]  # where the cut is made after the first, second, … time
    edge = known[1 + np.argmin(np.abs(tested - len(rows) * test_share))]
    return _split(rows, "by time", rows.times_ns < edge, rows.times_ns >= edge)


def by_host(rows: LabelledRows, *, test_share: float = TEST_SHARE, seed: int = 0, host: Host = Host.BOTH) -> Split:
    """No host stands on both sides: hosts that talk to each other stay together.

    Args:
        rows: With ends.
        test_share: About how many of the rows are tested on.
        seed: Of all chance in it.
        host: Which ends must not stand on both sides.

    Raises:
        UsageError: The rows have no ends, or hang together so that no split of about that share exists.
    """
    _check_share(test_share)
    if rows.ends is None:
        raise UsageError(f"{rows.name} does not say which hosts its rows are of; split it stratified or by capture")
    groups = hosts_together(rows.ends, _ENDS[host])
    return _by_groups(rows, "by host" if host is Host.BOTH else f"by {host}", groups, test_share, seed)


def by_capture(rows: LabelledRows, *, test_share: float = TEST_SHARE, seed: int = 0, test: Sequence[str] = ()) -> Split:
    """Each capture or file stands on one side.

    Args:
        rows: Of at least two captures.
        test_share: About how many of the rows are tested on.
        seed: Of all chance in it.
        test: Names of the captures to be tested on, in place of chance.

    Raises:
        UsageError: There is one capture alone, or none of a name, or no split of about that share exists.
    """
    _check_share(test_share)
    if rows.capture is None or len(np.unique(rows.capture)) < 2:
        raise UsageError(f"{rows.name} is of one capture or file alone; split it by time, by host or stratified")
    unknown = [name for name in test if name not in rows.captures]
    if unknown:
        raise UsageError(f"{rows.name} has no capture {unknown[0]!r}; it has {', '.join(rows.captures)}")
    if test:
        is_test = np.isin(rows.capture, [rows.captures.index(name) for name in test])
        return _split(rows, "by capture", ~is_test, is_test)
    return _by_groups(rows, "by capture", rows.capture.astype(np.int64), test_share, seed)


def k_fold(rows: LabelledRows, *, folds: int = FOLDS, seed: int = 0) -> Iterator[Split]:
    """Each row is tested on once, in folds of the same size, at random.

    Raises:
        UsageError: There are more folds than rows, or less than two.
    """
    _check_folds(rows, folds)
    order = np.random.default_rng([seed, 2]).permutation(len(rows))
    fold = np.empty(len(rows), np.int64)
    fold[order] = np.arange(len(rows)) % folds
    yield from _folds(rows, fold, folds, "")


def stratified_k_fold(rows: LabelledRows, *, folds: int = FOLDS, seed: int = 0) -> Iterator[Split]:
    """Each row is tested on once, in folds with the same share of each class.

    Raises:
        UsageError: There are more folds than rows, or less than two.
    """
    _check_folds(rows, folds)
    chance = np.random.default_rng([seed, 3])
    fold = np.empty(len(rows), np.int64)
    dealt = 0
    for label in np.unique(rows.y):
        places = chance.permutation(np.flatnonzero(rows.y == label))
        # each class goes on where the last one ended, so that folds differ by one row at most
        fold[places] = (dealt + np.arange(len(places))) % folds
        dealt += len(places)
    yield from _folds(rows, fold, folds, "stratified ")


def repeated_k_fold(
    rows: LabelledRows, *, folds: int = FOLDS, repeats: int = 10, seed: int = 0, stratify: bool = True
) -> Iterator[Split]:
    """Folds several times over, dealt anew each time.

    Raises:
        UsageError: There are more folds than rows, or less than two, or no repeat.
    """
    if not 1 <= repeats <= MOST_FOLDS:
        raise UsageError(f"repeats is {repeats}; expected 1 to {MOST_FOLDS:,}")
    deal = stratified_k_fold if stratify else k_fold
    for repeat in range(repeats):
        # far from the seeds that people choose
        for split in deal(rows, folds=folds, seed=seed + repeat * 1_000_003):
            yield Split(f"{split.name}, repeat {repeat + 1} of {repeats}", split.train, split.test)


def _one(split: Callable[..., Split], *options: str) -> Callable[..., list[Split]]:
    def made(rows: LabelledRows, *, test_share: float, seed: int, folds: int) -> list[Split]:
        given = {"test_share": test_share, "seed": seed, "folds": folds}
        return [split(rows, **{name: given[name] for name in options})]

    return made


SPLITS: Mapping[str, Callable[..., list[Split]]] = {
    "official": _one(official),
    "stratified": _one(stratified, "test_share", "seed"),
    "time": _one(by_time, "test_share"),
    "host": _one(by_host, "test_share", "seed"),
    "capture": _one(by_capture, "test_share", "seed"),
    "k-fold": lambda rows, *, test_share, seed, folds: list(k_fold(rows, folds=folds, seed=seed)),  # noqa: ARG005
    "stratified-k-fold": lambda rows, *, test_share, seed, folds: list(  # noqa: ARG005
        stratified_k_fold(rows, folds=folds, seed=seed)
    ),
}
"""By the names that a person gives."""


def splits(
    rows: LabelledRows, name: str, *, test_share: float = TEST_SHARE, seed: int = 0, folds: int = FOLDS
) -> list[Split]:
    """The split of a name: one, or one for each fold.

    Args:
        rows: What is split.
        name: "official", "stratified", "time", "host", "capture", "k-fold" or "stratified-k-fold".
        test_share: Of rows that are tested on, where the split leaves that open.
        seed: Of all chance in it.
        folds: How many, of those with folds.

    Raises:
        UsageError: No split has that name, or the rows lack what it needs.
    """
    if name not in SPLITS:
        raise UsageError(f"no split is called {name!r}; expected {', '.join(SPLITS)}")
    return SPLITS[name](rows, test_share=test_share, seed=seed, folds=folds)


def usual(rows: LabelledRows, *, seed: int = 0) -> Split:
    """The official split where there is one, else that by time, else a stratified one.

    Raises:
        UsageError: There are too few rows.
    """
    for name in ("official", "time"):
        with suppress(UsageError):
            return splits(rows, name, seed=seed)[0]
    return stratified(rows, seed=seed)


def _split(rows: LabelledRows, name: str, is_train: NDArray[np.bool_], is_test: NDArray[np.bool_]) -> Split:
    train, test = (np.flatnonzero(side).astype(np.int64) for side in (is_train, is_test))
    if not len(train) or not len(test):
        side = "to learn from" if not len(train) else "to test on"
        raise UsageError(f"{rows.name} {name}: no row is left {side}, of {len(rows):,}; split it another way")
    return Split(name, train, test)


def _folds(rows: LabelledRows, fold: Places, folds: int, kind: str) -> Iterator[Split]:
    for number in range(folds):
        yield _split(rows, f"{kind}fold {number + 1} of {folds}", fold != number, fold == number)


def _by_groups(rows: LabelledRows, name: str, groups: Places, test_share: float, seed: int) -> Split:
    """Groups in an order of chance go to the test side as long as they bring it nearer to its share."""
    known, sizes = np.unique(groups, return_counts=True)
    wanted, count = len(groups) * test_share, 0
    chosen = []
    for place in np.random.default_rng([seed, 4]).permutation(len(known)):
        if abs(count + sizes[place] - wanted) < abs(count - wanted):
            chosen.append(known[place])
            count += int(sizes[place])
    if abs(count - wanted) > MOST_OFF * wanted:
        raise UsageError(
            f"{rows.name} {name}: no split of about {test_share:.0%} to test on exists, as "
            f"{sizes.max() / len(groups):.0%} of its rows hang together; "
            "choose another share, or split it by time or stratified"
        )
    is_test = np.isin(groups, chosen)
    return _split(rows, name, ~is_test, is_test)


def hosts_together(ends: pa.Table, columns: Sequence[str]) -> Places:
    """A number for each row: the same where rows share a host, directly or through others, (n,)."""
    hosts = [ends.column(name).combine_chunks() for name in columns]
    known = pc.unique(pa.chunked_array(hosts))
    places = [np.asarray(pc.fill_null(pc.index_in(host, value_set=known), 0)).astype(np.int64) for host in hosts]
    if len(places) == 1:
        return places[0]
    one, other = places
    group = np.arange(len(known), dtype=np.int64)
    while True:
        # each host takes the least number among those that it talks to; numbers then point to numbers
        least = group.copy()
        lower = np.minimum(group[one], group[other])
        np.minimum.at(least, one, lower)
        np.minimum.at(least, other, lower)
        np.minimum.at(least, group, least.copy())
        least = least[least]
        if (least == group).all():
            return group[one]
        group = least


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise UsageError(f"test_share is {share}; expected more than 0 and less than 1")


def _check_folds(rows: LabelledRows, folds: int) -> None:
    if not 2 <= folds <= min(len(rows), MOST_FOLDS):
        raise UsageError(f"folds is {folds}; expected 2 to {min(len(rows), MOST_FOLDS):,} for {len(rows):,} rows")
