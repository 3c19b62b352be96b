"""Several processes at one store, and processes that are killed."""

import os
import random
import signal
import sqlite3
import time

from oddflow.server.store.store import Store
from tests.server.store import children
from tests.server.store.make import alert, alerts, incident

WRITERS = 3
ROUNDS = 8
KILLS = 20
BATCH = 5


def test_each_alert_is_stored_once_and_no_reader_misses_one(url, opened):
    def work(first):
        store = Store.open(url)
        for turn in range(ROUNDS):
            store.alerts.put(
                "here", f"eth{first}", alerts(6, 4 * (first + turn)), [incident(alerts(1), id="ab", alerts=turn + 1)]
            )
            store.audit.add("ann", "admin", "::1", "x", str(turn))

    pids = [children.start(lambda first=first: work(first)) for first in range(WRITERS)]
    store, seen, at, running = opened(), [], 0, True
    while running:
        running = any(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None for pid in pids)
        for one in store.alerts.after(at):
            seen.append(one.alert.id)
            at = one.seq
    assert [children.status_of(pid) for pid in pids] == [0] * WRITERS
    expected = {alert(n).id for n in range(4 * (WRITERS - 1 + ROUNDS - 1) + 6)}
    assert len(seen) == len(set(seen))
    assert set(seen) == expected == {one.alert.id for one in store.alerts.page(limit=1_000).items}
    assert store.incidents.get("ab").incident.alerts == ROUNDS
    verified = store.audit.verify()
    assert (verified.rows, verified.problem) == (WRITERS * ROUNDS, "")


def test_a_fork_has_connections_of_its_own(store):
    store.alerts.put("here", "eth0", alerts(1), [])
    pid = children.start(lambda: store.alerts.put("here", "eth0", alerts(5), []))
    store.alerts.put("here", "eth0", alerts(3), [])
    assert children.status_of(pid) == 0
    assert store.alerts.count() == 5


def test_what_was_taken_is_there_after_a_kill(tmp_path):
    path, rng = tmp_path / "store.db", random.Random(1)
    Store.open(f"sqlite:///{path}").close()
    taken, first = set(), 0
    for _ in range(KILLS):
        reading, writing = os.pipe()

        def work(first=first, writing=writing):
            store = Store.open(f"sqlite:///{path}")
            for batch in range(first, first + 10_000):
                put = alerts(BATCH, BATCH * batch)
                store.alerts.put("here", "eth0", put, [incident(put)])
                os.write(writing, batch.to_bytes(4, "big"))

        pid = children.start(work)
        os.close(writing)
        os.read(reading, 4)  # it has begun
        taken.add(first)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(pid, signal.SIGKILL)
        assert children.status_of(pid) == -signal.SIGKILL
        while told := os.read(reading, 4):
            taken.add(int.from_bytes(told, "big"))
        os.close(reading)
        first = max(taken) + 1

        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            ids = {int(row[0], 16) for row in connection.execute("SELECT alert_id FROM alert_records")}
        connection.close()
        there = {n // BATCH for n in ids}
        assert taken <= there <= taken | {first}, "an acknowledged batch is gone, or one came that nobody put in"
        assert len(ids) == BATCH * len(there), "half a batch is there"
