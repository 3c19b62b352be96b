"""How quick the store is with 100,000 alerts and 2,000 incidents: prints the table of docs/store.md.

python benchmarks/store.py                         # SQLite in a passing folder
python benchmarks/store.py --url postgresql://…    # an empty database, which it fills
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from oddflow.server.store.alerts import AlertFilter
from oddflow.server.store.incidents import IncidentFilter
from oddflow.server.store.store import Store
from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Incident, Severity

BEGIN_NS = 1_700_000_000 * 10**9
DAY_S = 86_400
BATCH = 100
TIMES = 7


def alert(n: int, rng: np.random.Generator) -> Alert:
    """One as large as real ones are: 784 bytes of payload, 77 features, five reasons."""
    start_ns = BEGIN_NS + n * 864 * 10**6 * 30
    reasons = tuple(
        Reason(f"feature_{k}", float(rng.random() * 1e6), 0.0, 2e5, 0.2, f"{n + k:,} bytes in 9 s; normal: at most 200")
        for k in range(5)
    )
    return Alert(
        id=f"{int(rng.integers(1 << 47)):012x}",
        start_ns=start_ns,
        end_ns=start_ns + 10**9,
        src_ip=f"10.0.{n % 8}.{int(rng.integers(250))}",
        src_port=int(rng.integers(1_024, 65_535)),
        dst_ip=f"10.1.0.{int(rng.integers(50))}",
        dst_port=int(rng.choice([22, 53, 80, 443, 445])),
        protocol=6,
        community_id="1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        score=float(np.float32(rng.gamma(2.0))),
        rarity="rarer than all 20,000 normal flows",
        reasons=reasons,
        packets=20,
        size_bytes=9_000,
        lengths=tuple(range(32)),
        gaps_us=tuple(range(32)),
        payload=rng.bytes(784),
        source="eth0",
        first_packet=n,
        wireshark_filter="ip.addr == 10.0.0.1 && tcp.port == 443",
        category=("", "", "", "probe", "botnet")[n % 5],
        category_probability=0.5,
        dst_name="printer.example" if n % 1_000 == 0 else "",
        incident=f"{n // 50:012x}",
        threshold=1.0,
        row=rng.random(77, np.float32).tobytes(),
    )


def incident(found: list[Alert], n: int) -> Incident:
    """What the real road makes of alerts, with a name of its own."""
    gathered = Incidents(1.0)
    for one in found:
        gathered.add(one)
    severity = list(Severity)[n % 4]
    return replace(
        gathered.open()[0],
        id=f"{n:012x}",
        severity=severity,
        points=n % 100,
        alerts=len(found),
        alert_ids=tuple(one.id for one in found),
        first_ns=found[0].start_ns,
        last_ns=found[-1].end_ns,
    )


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """How long something took, and how long this process computed for it, both in ms."""
    began, began_cpu = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - began) * 1e3, (time.process_time() - began_cpu) * 1e3


def row(name: str, took: list[tuple[float, float]]) -> str:
    """A row of the table."""
    elapsed, computed = zip(*took, strict=True)
    return f"| {name} | {statistics.median(elapsed):.1f} | {statistics.median(computed):.1f} |"


def filled(store: Store, alerts: int) -> list[tuple[float, float]]:
    """Puts them in; how long each batch took."""
    rng, took = np.random.default_rng(1), []
    for first in range(0, alerts, BATCH):
        found = [alert(n, rng) for n in range(first, first + BATCH)]
        told = [incident(found[at : at + 50], (first + at) // 50) for at in range(0, BATCH, 50)]
        source = f"eth{first // BATCH % 4}"
        took.append(timed(partial(store.alerts.put, "here", source, found, told)))
    return took


def measured(store: Store) -> None:
    """A month of minutes of four sources."""
    with store.transaction():
        for minute in range(0, 30 * DAY_S, 600):
            for n in range(4):
                told = {"packets": 5.0, "flows": 3.0, "drift": 0.1}
                store.measures.add("here", f"eth{n}", 1_700_000_000 + minute, told)


def questions(store: Store) -> dict[str, Callable[[], object]]:
    """What pages ask."""
    newest = store.alerts.page(limit=50)
    some = newest.items[7].alert
    deep = store.alerts.page(AlertFilter(until_ns=BEGIN_NS + DAY_S * 10**9))
    month_s = 1_700_000_000
    return {
        "the newest 50 alerts": lambda: store.alerts.page(limit=50),
        "50 alerts, far down": lambda: store.alerts.page(after=deep.after, limit=50),
        "the 50 highest-scoring": lambda: store.alerts.page(AlertFilter(order="score"), limit=50),
        "… of a source": lambda: store.alerts.page(AlertFilter(source="eth1", order="score"), limit=50),
        "… of a host": lambda: store.alerts.page(AlertFilter(host="10.1.0.3"), limit=50),
        "… of a host, by score": lambda: store.alerts.page(AlertFilter(host="10.1.0.3", order="score"), limit=50),
        "… of a kind of attack": lambda: store.alerts.page(AlertFilter(category="botnet"), limit=50),
        "… of an incident": lambda: store.alerts.page(AlertFilter(incident=some.incident), limit=50),
        "… with a rare word": lambda: store.alerts.page(AlertFilter(text="printer"), limit=50),
        "… with a word that none has": lambda: store.alerts.page(AlertFilter(text="nowhere"), limit=50),
        "… said to be benign (none)": lambda: store.alerts.page(AlertFilter(verdict="benign"), limit=50),
        "one alert": lambda: store.alerts.get(some.id),
        "how many alerts": store.alerts.count,
        "how many of a source and a day": lambda: store.alerts.count(
            AlertFilter(source="eth1", since_ns=BEGIN_NS, until_ns=BEGIN_NS + DAY_S * 10**9)
        ),
        "how many with a word": lambda: store.alerts.count(AlertFilter(text="printer")),
        "alerts since a number": lambda: store.alerts.after(newest.items[-1].seq, 100),
        "the last number": store.alerts.highest,
        "the newest 50 incidents": lambda: store.incidents.page(limit=50),
        "the gravest 50": lambda: store.incidents.page(IncidentFilter(order="gravest"), limit=50),
        "incidents of a host": lambda: store.incidents.page(IncidentFilter(host="10.1.0.3"), limit=50),
        "incidents with a word": lambda: store.incidents.page(IncidentFilter(text="10.1.0.3"), limit=50),
        "incidents by severity": store.incidents.by_severity,
        "one incident": lambda: store.incidents.get(some.incident),
        "a day of measures, by minute": lambda: store.measures.series(
            ["packets", "flows"], since_s=month_s, until_s=month_s + DAY_S
        ),
        "a month of measures, by hour": lambda: store.measures.series(
            ["packets", "flows"], since_s=month_s, until_s=month_s + 30 * DAY_S, step_s=3_600
        ),
    }


def main() -> None:
    """Fills a store, asks, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an empty database; SQLite in a passing folder unless given")
    parser.add_argument("--alerts", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(wanted.url or f"sqlite:///{folder}/store.db")
        took = filled(store, wanted.alerts)
        measured(store)
        print("| what | ms | of it computing |\n|---|---|---|")
        print(row(f"put {BATCH} alerts and 2 incidents", took))
        for name, ask in questions(store).items():
            print(row(name, [timed(ask) for _ in range(TIMES)]))
        size_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(f"\n{wanted.alerts:,} alerts take {size_bytes / 2**20:,.0f} MiB" if size_bytes else "")
        store.close()


if __name__ == "__main__":
    main()
