"""Which detector finds which kind of anomaly, and how often rules name an attack's kind rightly.

    python benchmarks/kinds.py detectors                    prints the first table; from examples/ alone, but for
                                                            detectors that learn from labels: --taught FOLDER
    python benchmarks/kinds.py rules                        prints all rules
    python benchmarks/kinds.py precision --data FOLDER      prints the second; FOLDER holds the data sets, and
                                                            --fresh one that lab/make.py wrote

The first: models learn the office's baseline, its pauses made twenty times as long (four hours); they look at the
benign flows of its incident, as long, with flows put in that are slow attacks: each is a flow of the captures moved in
time and given other ends. And at the incident as it was.

The second: models learn normal flows of each source and look at the others; see `sources`. Rules were looked over with
the sources that are marked as of development at hand; those marked as kept were looked at once the rules were done.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import oddflow
from oddflow import api, baselines
from oddflow.datasets import registry
from oddflow.datasets.truth import GroundTruth
from oddflow.features.ordering import in_end_order
from oddflow.logs.table import TableWriter
from oddflow.schema import FLOW_SCHEMA
from oddflow.verdicts import alerting
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.categories import RULES, facts_of, rule_of
from oddflow.verdicts.collective import finding
from oddflow.verdicts.collective.finding import is_of_group
from oddflow.verdicts.detection import Detection

EXAMPLES = oddflow.examples()
BASELINE, INCIDENT, TRUTH = (
    EXAMPLES / name for name in ("office-baseline.pcap.zst", "office-incident.pcap.zst", "office-incident.truth.csv")
)
STRETCH = 20
SECOND = 1_000_000_000
DETECTORS = (
    "robust-pca", "isolation-forest", "autoencoder", "packet-markov-chain", "traffic-rate", "matrix-segmentation",
    "attack-localiser",
)  # fmt: skip
TUNNELS = ("dns-tunnel-iodine", "dns2tcp_tunnel", "dns_exfiltration", "dns-exf")
QUESTIONS = ("dns_long_domainname", "dns_ambiguous_names", "bt-dns", "netbios_wildcard_dns_query")
FEWEST = 3
"""A source with fewer alerts by a rule tells nothing of how often it is right."""
LABELLED: dict[str, dict[str, Any]] = {
    "matrix-segmentation": {"network": "fcn", "widths": (8, 16, 32)},
    "attack-localiser": {},
}
"""Detectors that learn from labels, with options that keep learning within minutes."""
LEARNT = 2_000
"""Flows that those learn from."""
COLLECTIVE = ("traffic-rate", *LABELLED)
"""Detectors all of whose alerts are of many flows."""
KINDS = ("point", "contextual", "collective")


def all_flows(source: Path) -> pa.Table:
    """The flows of a source, in end order."""
    return pa.Table.from_batches(list(in_end_order(oddflow.flows(str(source)), wait_s=130)), FLOW_SCHEMA)


def with_columns(flows: pa.Table, **columns: Any) -> pa.Table:
    """The table with other values in some of its columns."""
    for name, values in columns.items():
        field = FLOW_SCHEMA.field(name)
        flows = flows.set_column(flows.schema.get_field_index(name), field, pa.array(values).cast(field.type))
    return flows


def stretched(flows: pa.Table, times: int) -> pa.Table:
    """The same flows with the times between their starts so many times as long; each lasts as long as it did."""
    starts, ends = (np.asarray(flows[name].cast(pa.int64())) for name in ("start", "end"))
    moved = starts.min() + (starts - starts.min()) * times
    return with_columns(flows, start=moved, end=moved + ends - starts)


def put_in(template: pa.Table, starts_ns: Any, label: str, **columns: Any) -> pa.Table:
    """Flows like a template (one row), at other times, with other ends."""
    count = len(starts_ns)
    copies = template.take(pa.array(np.zeros(count, np.int64)))
    lasted = int(template["end"].cast(pa.int64())[0].as_py() - template["start"].cast(pa.int64())[0].as_py())
    ids = [f"{label}-{place}" for place in range(count)]
    return with_columns(
        copies, start=starts_ns, end=np.asarray(starts_ns) + lasted, label=[label] * count, community_id=ids, **columns
    )


def slow_attacks(incident: pa.Table, names: list[str], begin_ns: int, seed: int = 0) -> list[pa.Table]:
    """Six attacks, none of whose flows is odd by itself."""
    chance = np.random.default_rng(seed)
    name, sent, port = (
        np.array(names),
        *(
            np.asarray(incident[column].cast(pa.int64()).fill_null(0))
            for column in ("forward_payload_bytes", "dst_port")
        ),
    )
    received = np.asarray(incident["reverse_payload_bytes"].cast(pa.int64()).fill_null(0))

    def first(mask: Any) -> pa.Table:
        return incident.slice(int(np.flatnonzero(mask)[0]), 1)

    def times(count: int, every_s: float, jitter: float = 0.2) -> Any:
        gaps = every_s * (1 + chance.uniform(-jitter, jitter, count))
        return begin_ns + (1_800 + np.cumsum(gaps)) * SECOND

    knock, login = first(name == "port scan"), first(name == "password guessing")
    web = (name == "") & (port == 443) & (received > 0) & (np.asarray(incident["ip_version"].fill_null(0)) == 4)
    small = first(web & (sent < np.quantile(sent[web], 0.6)))
    # over IPv4, as the ends that it is given
    bulk = (name == "") & (port != 22) & (np.asarray(incident["ip_version"].fill_null(0)) == 4)
    large = first(bulk & (sent == np.sort(sent[bulk])[-3]))
    ports = chance.permutation(np.arange(1, 1024))[:90].astype(np.int64)
    beats = times(150, 60.0)[chance.random(150) > 0.2].astype(np.int64)
    flood = (begin_ns + (9_000 + np.sort(chance.uniform(0, 240, 3_000))) * SECOND).astype(np.int64)
    sources = [f"203.0.113.{chance.integers(1, 250)}" for _ in range(3_000)]
    everywhere = [f"10.20.{third}.{fourth}" for third, fourth in chance.integers(1, 250, (90, 2))]
    return [
        put_in(knock, times(90, 40.0).astype(np.int64), "slow port scan", dst_port=ports),
        put_in(knock, times(90, 45.0).astype(np.int64), "slow host scan", dst_ip=everywhere, dst_port=[445] * 90),
        put_in(login, times(150, 50.0, 0.6).astype(np.int64), "slow guessing"),
        put_in(small, beats, "beacon", dst_ip=["198.51.100.9"] * len(beats)),
        put_in(large, times(60, 120.0, 0.5).astype(np.int64), "slow upload", dst_ip=["198.51.100.77"] * 60),
        put_in(knock, flood, "flood from many", src_ip=sources, dst_ip=["10.20.0.10"] * 3_000, dst_port=[443] * 3_000),
    ]


def written(path: Path, flows: pa.Table) -> str:
    """The table as a file of flows, in end order."""
    with TableWriter(str(path)) as writer:
        for batch in flows.sort_by("end").combine_chunks().to_batches(max_chunksize=4_096):
            writer.write(batch)
    return str(path)


@dataclass(frozen=True)
class Found:
    """Alerts of one attack, and its flows."""

    flows: int
    alerts: tuple[Alert, ...]

    def words(self, kinds: tuple[str, ...]) -> str:
        """Which share of the flows, or of what kinds the alerts are."""
        own = [alert for alert in self.alerts if alert.kind in kinds]
        return "-" if not own else f"{len(own):,} of {self.flows:,}"


def by_attack(detection: Detection, attacks: Counter[str], name_of: Any) -> dict[str, Found]:
    """What was found of each attack."""
    alerts = [alert for row in detection.rows for alert in row.alerts]
    return {
        attack: Found(count, tuple(alert for alert in alerts if name_of(alert) == attack))
        for attack, count in attacks.items()
    }


def learnt_from_labels(name: str, taught: Path) -> Any:
    """A model of what attacks look like, learnt from a labelled office of lab/make.py: LEARNT of its flows, evenly."""
    gathered = baselines.gather_labelled(
        taught / "office-incident.pcap.zst", truth=taught / "office-incident.truth.csv", detector=name
    )
    places = np.linspace(0, len(gathered.x) - 1, LEARNT).astype(np.int64)
    columns = {column: getattr(gathered, column)[places] for column in ("x", "times_ns", "y")}
    marks = None if gathered.marks is None else gathered.marks[places]
    return api.learn_gathered(replace(gathered, **columns, marks=marks), detector=name, **LABELLED[name])


def learnt_models(names: list[str], calm: str, taught: Path | None) -> Iterator[tuple[str, Any, Any, float | None]]:
    """Titles of rows, models for the incident and for the slow attacks, and shares of false alarms (None: 10 a day)."""
    for name in names:
        if name not in LABELLED:
            model, later = (oddflow.learn(source, detector=name) for source in (BASELINE, calm))
            yield name, model, later, None
        elif taught is not None:
            model = learnt_from_labels(name, taught)
            yield name, model, model, None
            yield f"{name}, 1 % of normal flows", model, model, 0.01


def detectors_table(names: list[str], taught: Path | None) -> None:
    """Prints which detector finds which attack; those that learn from labels learn from the office in `taught`."""
    incident = all_flows(INCIDENT)
    truth = GroundTruth.read(str(TRUTH))
    labels = [name for batch in incident.to_batches() for name in truth.attacks(batch)]
    counts = Counter(label for label in labels if label)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        benign = stretched(incident.filter(pa.array([not label for label in labels])), STRETCH)
        begin_ns = int(np.asarray(benign["start"].cast(pa.int64())).min())
        parts = slow_attacks(incident, labels, begin_ns)
        slow_counts = Counter({str(part["label"][0]): part.num_rows for part in parts})
        slow = written(place / "slow.parquet", pa.concat_tables([benign, *parts]))
        calm = written(place / "calm.parquet", stretched(all_flows(BASELINE), STRETCH))
        columns = [*counts, *slow_counts]
        print("| what looks | " + " | ".join(columns) + " | false |")
        print("|---|" + "---|" * len(columns) + "---|")
        groups: dict[str, str] = {}
        for title, model, later, rate in learnt_models(names, calm, taught):
            quick = oddflow.detect(INCIDENT, model=model, truth=TRUTH, false_alarm_rate=rate)
            late = oddflow.detect(slow, model=later, false_alarm_rate=rate)
            name = title.partition(",")[0]
            found = by_attack(quick, counts, lambda alert: alert.truth)
            found |= by_attack(late, slow_counts, lambda alert: alert.label)
            flows_alone = ("point", "contextual") if name not in COLLECTIVE else KINDS
            false = [
                alert for one, is_false in ((quick, lambda a: a.truth == ""), (late, lambda a: not a.label))
                for row in one.rows for alert in row.alerts if is_false(alert)
            ]  # fmt: skip
            cells = [found[column].words(flows_alone) for column in columns]
            own_false = sum(not is_group(alert) for alert in false)
            print(f"| {title} | " + " | ".join(cells) + f" | {own_false} |", flush=True)
            if not groups and name not in COLLECTIVE:
                for column in columns:
                    told = [alert for alert in found[column].alerts if is_group(alert)]
                    groups[column] = ", ".join(sorted({measure_of(alert) for alert in told})) or "-"
                groups["false"] = str(sum(is_group(alert) for alert in false))
                shares = {column: Counter(a.kind for a in found[column].alerts) for column in columns}
                kinds = {column: ", ".join(f"{k} {c:,}" for k, c in shares[column].most_common()) for column in columns}
        if groups:
            cells = [*(groups[column] for column in columns), groups["false"]]
            print("| the collective stage | " + " | ".join(cells) + " |")
            print(f"| kinds of alerts, {names[0]} | " + " | ".join(kinds[column] or "-" for column in columns) + " | |")


def is_group(alert: Alert) -> bool:
    """Whether the collective stage told it."""
    return is_of_group(alert)


def measure_of(alert: Alert) -> str:
    """What the stage counted."""
    return alert.reasons[0].feature.rpartition("_")[0] if alert.reasons[0].feature != "beacon" else "beacon"


@dataclass(frozen=True)
class Labelled:
    """A labelled source: what to learn, what to look at, and what alerts truly are.

    Attributes:
        category_of: What an alert is: "normal", or a category.
        kept: Whether rules were made without looking at it.
        tells_kinds: Whether its truth says of what kind its attacks are.
    """

    name: str
    baseline: str
    tested: str
    truth: str | None
    category_of: Callable[[Alert], str]
    options: dict[str, Any]
    kept: bool = False
    tells_kinds: bool = True


def log_source(name: str, log: Path, dataset: str, place: Path) -> Labelled:
    """A labelled log: its first normal flows, half of them, are the baseline; all others are looked at."""
    known = {label.name: label.category.value for label in registry.find(dataset).labels}

    def category(label: str) -> str:
        return known.get(label.rpartition(": ")[2], "other") if label.startswith("Malicious") else "normal"

    flows = all_flows(log)
    normal = np.array([category(label or "") == "normal" for label in flows["label"].to_pylist()])
    is_baseline = normal & (np.cumsum(normal) <= normal.sum() // 2)
    baseline = written(place / f"{name}-a.parquet", flows.filter(pa.array(is_baseline)))
    tested = written(place / f"{name}-b.parquet", flows.filter(pa.array(~is_baseline)))
    return Labelled(name, baseline, tested, None, lambda alert: category(alert.label), {"portable": True},
                    tells_kinds=not name.startswith("Stratosphere"))  # fmt: skip


def office_source(name: str, folder: Path, *, kept: bool) -> Labelled:
    """What lab/make.py wrote into a folder."""
    baseline, incident, truth_csv = (
        folder / file for file in ("office-baseline.pcap.zst", "office-incident.pcap.zst", "office-incident.truth.csv")
    )
    truth = GroundTruth.read(str(truth_csv))

    def category(alert: Alert) -> str:
        return truth.category(alert.truth).value if alert.truth else "normal"

    return Labelled(name, str(baseline), str(incident), str(truth_csv), category, {}, kept)


def made_source(place: Path) -> Labelled:
    """The office's slow attacks of the first table: none of their flows is odd by itself."""
    kinds = {
        "slow port scan": "probe", "slow host scan": "probe", "slow guessing": "brute_force", "beacon": "botnet",
        "slow upload": "exfiltration", "flood from many": "dos", "": "normal",
    }  # fmt: skip
    incident, truth = all_flows(INCIDENT), GroundTruth.read(str(TRUTH))
    labels = [name for batch in incident.to_batches() for name in truth.attacks(batch)]
    benign = stretched(incident.filter(pa.array([not label for label in labels])), STRETCH)
    parts = slow_attacks(incident, labels, int(np.asarray(benign["start"].cast(pa.int64())).min()))
    slow = written(place / "slow.parquet", pa.concat_tables([benign, *parts]))
    calm = written(place / "calm.parquet", stretched(all_flows(BASELINE), STRETCH))
    return Labelled("office, made slow", calm, slow, None, lambda alert: kinds[alert.label], {})


def sources(data: Path, place: Path, fresh: Path | None) -> Iterator[Labelled]:
    """All labelled sources that are there; `fresh` is a folder of lab/make.py."""
    yield office_source("office", EXAMPLES, kept=False)
    yield made_source(place)
    yield log_source("IoT-23 34-1", data / "iot-23" / "conn.log.labeled.gz", "iot-23", place)
    for day in ("008", "010", "011"):
        log = data / "stratosphere-zeek" / day / "conn.log.labeled.gz"
        yield log_source(f"Stratosphere {day}", log, "stratosphere-zeek", place)
    ddos = data / "cic-ddos2019"
    for kind in ("SynFlood", "WebDDoS"):
        flood = str(ddos / f"CIC-DDoS-2019-{kind}.pcap")
        yield Labelled(f"CIC-DDoS2019 {kind}", str(BASELINE), flood, None, lambda _: "dos", {})
    yield from kept_sources(data, fresh)


def kept_sources(data: Path, fresh: Path | None) -> Iterator[Labelled]:
    """Those that no rule was made by."""
    if fresh is not None:
        yield office_source("a fresh office", fresh, kept=True)
    # its attacker: the data set's own page and doriguzzi/lucid-ddos, which cut it
    mixed = data / "cic-ddos2019" / "benign-syn.pcap"
    yield Labelled(
        "CIC-DDoS2019 mixed", str(BASELINE), str(mixed), None,
        lambda alert: "dos" if "172.16.0.5" in (alert.src_ip, alert.dst_ip) else "normal", {}, kept=True,
    )  # fmt: skip
    scan = data / "stratosphere-zeek" / "002" / "conn.log.gz"
    yield Labelled("Stratosphere 002", str(BASELINE), str(scan), None, lambda _: "probe", {"portable": True}, kept=True)
    for kind, names in (("tunnel", TUNNELS), ("normal", QUESTIONS)):
        called = "nDPI, tunnels" if kind == "tunnel" else "nDPI, other DNS"
        for name in names:
            capture = str(data / "captures" / "ndpi" / f"{name}.pcap")
            yield Labelled(
                called, str(BASELINE), capture, None, {"tunnel": is_tunnel, "normal": is_normal}[kind], {}, True
            )


def is_tunnel(_: Alert) -> str:
    """All flows are of a tunnel."""
    return "tunnel"


def is_normal(_: Alert) -> str:
    """None is of an attack."""
    return "normal"


def named_alerts(source: Labelled, model: Any) -> tuple[list[Alert], dict[str, str]]:
    """The alerts of a source, and the rules that named them, by the alerts' flows and groups."""
    rules: dict[tuple[str, int, int, str, int, str], str] = {}

    def noted(flow: Any, row: Any = None, features: Any = (), measure: str = "", **group: float) -> dict[str, float]:
        facts = facts_of(flow, row, features, measure, **group)
        rule = rule_of(facts)
        key = (flow["src_ip"], flow["src_port"], flow["start"], flow["dst_ip"], flow["dst_port"], measure)
        rules[key] = rule.name if rule else ""
        return facts

    for module in (alerting, finding):
        module.facts_of = noted  # type: ignore[attr-defined]
    try:
        detection = oddflow.detect(source.tested, model=model, truth=source.truth)
    finally:
        for module in (alerting, finding):
            module.facts_of = facts_of  # type: ignore[attr-defined]
    alerts = [alert for row in detection.rows for alert in row.alerts]
    return alerts, {
        alert.id: rules[
            (alert.src_ip, alert.src_port, alert.start_ns, alert.dst_ip, alert.dst_port,
             measure_of(alert) if is_group(alert) else "")
        ]
        for alert in alerts
    }  # fmt: skip


@dataclass
class Share:
    """How many alerts were named so, how many of them are an attack, of how many the truth says more, and rightly."""

    named: int = 0
    attacks: int = 0
    told: int = 0
    right: int = 0

    def add(self, truly: str, said: str, *, is_told: bool) -> None:
        """One alert; `is_told` where the truth says of what kind it is."""
        self.named += 1
        self.attacks += truly != "normal"
        self.told += is_told
        self.right += is_told and truly == said

    @property
    def words(self) -> str:
        """Cells of a table."""
        share = f"{self.right:,} of {self.told:,} | {self.right / self.told:.0%}" if self.told else "- | -"
        return f"{self.named:,} | {self.attacks:,} | {share}"


def precision_table(data: Path, fresh: Path | None, *, kept: bool) -> None:
    """Prints how often each category was named, and rightly; then each rule; `kept` looks at those sources, too."""
    by_category: defaultdict[tuple[bool, str, str], Share] = defaultdict(Share)
    by_rule: defaultdict[str, defaultdict[str, Share]] = defaultdict(lambda: defaultdict(Share))
    models: dict[tuple[str, str], Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in sources(data, Path(folder), fresh):
            if source.kept and not kept:
                continue
            learnt = (source.baseline, str(source.options))
            if learnt not in models:
                models[learnt] = oddflow.learn(source.baseline, detector="robust-pca", **source.options)
            alerts, rules = named_alerts(source, models[learnt])
            for alert in alerts:
                truly, what = source.category_of(alert), "group" if is_group(alert) else "flow"
                said = alert.category or "(none)"
                by_category[source.kept, source.name, f"{said} {what}"].add(truly, said, is_told=source.tells_kinds)
                if alert.category:
                    by_rule[rules[alert.id]][source.name].add(truly, said, is_told=source.tells_kinds)
    print("| source | kept | named, of a | alerts | an attack | of that kind | precision |")
    print("|---|---|---|---|---|---|---|")
    for (is_kept, name, said), share in sorted(by_category.items()):
        cells = share.words if not said.startswith("(none)") else f"{share.named:,} | {share.attacks:,} | - | -"
        print(f"| {name} | {'yes' if is_kept else ''} | {said} | {cells} |")
    print("\n| rule | confidence | measured: mean of the sources | by source |\n|---|---|---|---|")
    for rule in RULES:
        told = {name: share for name, share in by_rule[rule.name].items() if share.told}
        several = [share.right / share.told for share in told.values() if share.told >= FEWEST]
        mean = f"{np.mean(several):.0%}" if several else "-"
        each = ", ".join(f"{name} {share.right:,} of {share.told:,}" for name, share in told.items()) or "-"
        print(f"| {rule.name} | {rule.confidence:.0%} | {mean} | {each} |")


def rules_table() -> None:
    """Prints all rules."""
    print("| rule | it holds where | kind | ATT&CK | confidence | why |\n|---|---|---|---|---|---|")
    for rule in RULES:
        when = " and ".join(condition.words for condition in rule.when)
        techniques = " ".join(rule.techniques)
        kind = rule.category.value.replace("_", " ")
        print(f"| {rule.name} | {when} | {kind} | {techniques} | {rule.confidence:.0%} | {rule.why} |")


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("detectors", "precision", "rules"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--kept", action="store_true", help="look at the sources that no rule was made by, too")
    parser.add_argument("--fresh", type=Path, help="a folder that lab/make.py wrote, of a seed not used before")
    parser.add_argument("--taught", type=Path, help="a folder that lab/make.py wrote, for detectors that need labels")
    parser.add_argument("--detector", action="append", help="one of those compared; may be repeated")
    asked = parser.parse_args()
    if asked.what == "detectors":
        detectors_table(asked.detector or list(DETECTORS), asked.taught)
    elif asked.what == "rules":
        rules_table()
    else:
        precision_table(asked.data, asked.fresh, kept=asked.kept)


if __name__ == "__main__":
    main()
