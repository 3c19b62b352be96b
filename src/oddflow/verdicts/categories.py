"""Which kind of attack an alert likeliest is: rules on its evidence, as data.

The first rule whose conditions all hold decides. None may hold: then nothing is said. A rule's confidence is about the
share of the alerts of labelled sources that it named rightly, each source counting as much as another (docs/kinds.md):
at most 0.9, at most 0.7 where one source alone tells, and 0.3 or 0.5 where none does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.schema import AttackCategory

LOGIN_PORTS = frozenset(
    {21, 22, 23, 110, 139, 143, 389, 445, 512, 513, 514, 993, 995, 1433, 1521, 2222, 2323, 3306, 3389, 5432, 5900, 5985}
)
"""Services that ask for a password: files, shells, mail, directories, databases, desktops."""
WEB_PORTS = frozenset({80, 443, 8000, 8008, 8080, 8443, 8888})
CONTROL_PORTS = frozenset({102, 502, 2404, 4840, 20000, 44818, 47808})
"""Controllers of plants: S7, Modbus, IEC 104, OPC UA, DNP3, EtherNet/IP, BACnet."""
DNS_PORT = 53
CONTEXT = (
    "host_flows", "host_peers", "pair_ports", "host_ports", "service_flows", "service_clients", "repeats", "alike",
    "host_failures", "sent",
)  # fmt: skip

Facts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact that is at least `low` and at most `high`; one that is not known does not hold."""

    fact: str
    low: float = 1.0
    high: float = float("inf")

    @property
    def words(self) -> str:
        """For docs.

        >>> Condition("sent", 1_000).words, Condition("exchanged", 0, 0).words
        ('sent ≥ 1,000', 'not exchanged')
        """
        if self.high == 0:
            return f"not {self.fact}"
        if self.low == 0:
            return f"{self.fact} ≤ {self.high:,.0f}"
        return self.fact if self.low == 1 and self.fact != "sent" else f"{self.fact} ≥ {self.low:,g}"

    def holds(self, facts: Facts) -> bool:
        """Whether it does."""
        value = facts.get(self.fact)
        return value is not None and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: In docs.
        when: All of these hold.
        category: What it is then.
        techniques: ATT&CK ids.
        confidence: How sure that may be said, measured.
        why: The thought behind it.
    """

    name: str
    when: tuple[Condition, ...]
    category: AttackCategory
    techniques: tuple[str, ...]
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class Likeliest:
    """What an alert likeliest is: "" where nothing can be said."""

    category: str = ""
    probability: float = 0.0
    techniques: tuple[str, ...] = ()


UNKNOWN = Likeliest()
_IS = Condition
_UNUSED = Condition("exchanged", 0, 0)

RULES: tuple[Rule, ...] = (
    Rule("many services of one host", (_IS("group_vertical_scan"),), AttackCategory.PROBE, ("T1046",), 0.5,
         "who tries many ports and uses none is looking for open ones"),
    Rule("one service of many hosts", (_IS("group_horizontal_scan"),), AttackCategory.PROBE, ("T1046", "T1018"), 0.5,
         "who tries one port of many hosts and uses none is looking for victims"),
    Rule("group of unanswered flows", (_IS("group_unanswered_flood"),), AttackCategory.DOS, ("T1498.001", "T1499"), 0.5,
         "flows that no one answers, far more than usual, fill up a service or its network"),
    Rule("group of flows", (_IS("group_flood"),), AttackCategory.DOS, ("T1498.001",), 0.5,
         "far more flows than this service has"),
    Rule("regular contacts", (_IS("group_beacon"),), AttackCategory.BOTNET, ("T1071",), 0.5,
         "a program reports at an interval to an end that nobody reported to before"),
    Rule("repeated logins", (_IS("group_repeats"), _IS("login")), AttackCategory.BRUTE_FORCE, ("T1110",), 0.5,
         "many short exchanges with a service that asks for a password"),
    Rule("repeated questions", (_IS("group_repeats"), _IS("dns")), AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.5,
         "far more questions to a name server than hosts here have"),
    Rule("repeated requests", (_IS("group_repeats"), _IS("web")), AttackCategory.DOS, ("T1499.002",), 0.3,
         "far more requests to a web server than hosts here have"),
    Rule("bytes to one peer", (_IS("group_upload"),), AttackCategory.EXFILTRATION, ("T1048", "T1041"), 0.1,
         "more bytes to one peer than hosts here send"),
    Rule("port after port", (_UNUSED, _IS("pair_ports", 8)), AttackCategory.PROBE, ("T1046",), 0.4,
         "this flow is one of many to different ports of a host, none of them used"),
    Rule("host after host", (_UNUSED, _IS("host_peers", 8)), AttackCategory.PROBE, ("T1046", "T1018"), 0.4,
         "this flow is one of many to different hosts, none of them used"),
    Rule("unanswered flood", (_UNUSED, _IS("service_flows", 50)), AttackCategory.DOS, ("T1498.001", "T1499"), 0.9,
         "this flow is one of many unanswered ones to a service"),
    Rule("held open", (_UNUSED, _IS("web"), _IS("duration_s", 5), _IS("sent", 1)), AttackCategory.DOS,
         ("T1499.002",), 0.7, "a request to a web server that is not finished for seconds keeps a place there"),
    Rule("request after request", (_IS("exchanged"), _IS("web"), _IS("repeats", 30)), AttackCategory.DOS,
         ("T1499.002",), 0.3, "one of many requests of a host to a web server, in a row"),
    Rule("login after login", (_IS("login"), _IS("exchanged"), _IS("repeats", 5), _IS("sent", 0, 16_384)),
         AttackCategory.BRUTE_FORCE, ("T1110",), 0.7,
         "one of several short sessions in a row with a service that asks for a password"),
    Rule("much said in names", (_IS("dns"), _IS("sent", 400)), AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.5,
         "questions to a name server that are longer than names are"),
    Rule("long name", (_IS("dns"), _IS("name_length", 60)), AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.5,
         "a name of 60 letters and more carries something else"),
    Rule("questions in a row", (_IS("dns"), _IS("alike", 20)), AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.3,
         "many questions of one size to one name server"),
    Rule("command to a plant", (_IS("control"), _IS("exchanged")), AttackCategory.OTHER, ("T0855",), 0.3,
         "an odd exchange with a controller"),
    Rule("large upload", (_IS("outward"), _IS("upload_share", 0.9), _IS("sent", 1_000_000)),
         AttackCategory.EXFILTRATION, ("T1048",), 0.1, "far more goes out of the network than comes in"),
    Rule("unused, in a row", (_UNUSED, _IS("host_failures", 20)), AttackCategory.PROBE, ("T1046",), 0.3,
         "one of many flows of a host that came to nothing"),
)  # fmt: skip
"""In order of decisiveness; the first that holds decides."""


def likeliest(facts: Facts) -> Likeliest:
    """What the first rule that holds says.

    >>> likeliest({"group_vertical_scan": 1.0}).category
    'probe'
    """
    rule = rule_of(facts)
    return UNKNOWN if rule is None else Likeliest(rule.category.value, rule.confidence, rule.techniques)


def rule_of(facts: Facts) -> Rule | None:
    """The first rule that holds."""
    return next((rule for rule in RULES if all(condition.holds(facts) for condition in rule.when)), None)


def facts_of(
    flow: Mapping[str, Any],
    row: NDArray[np.float32] | None = None,
    features: tuple[Feature, ...] = (),
    measure: str = "",
) -> dict[str, float]:
    """The evidence of an alert, as numbers; 1 and 0 for yes and no.

    Args:
        flow: A row of the flow table.
        row, features: Its feature row, (d,); of counts over several windows the greatest speaks.
        measure: What was counted of its group, where the alert is of a group.
    """
    sent, received = (
        float(_first(flow, f"{way}_payload_bytes", f"{way}_bytes") or 0) for way in ("forward", "reverse")
    )
    port = int(flow["dst_port"])
    facts = {
        "exchanged": float(sent > 0 and received > 0),
        "sent": sent,
        "received": received,
        "upload_share": sent / max(1.0, sent + received),
        "duration_s": (flow["end"] - flow["start"]) / 1e9,
        "login": float(port in LOGIN_PORTS),
        "web": float(port in WEB_PORTS),
        "dns": float(port == DNS_PORT),
        "control": float(port in CONTROL_PORTS),
        "name_length": float(len(flow.get("dns_query") or "")),
        "outward": float(_is_global(flow["dst_ip"])),
    }
    if measure:
        return facts | {f"group_{measure}": 1.0}
    for feature, value in zip(features, row if row is not None else (), strict=False):
        base = feature.name.rpartition("_")[0]
        if base in CONTEXT:
            name = "sent_before" if base == "sent" else base
            facts[name] = max(facts.get(name, 0.0), float(value))
    return facts


def _first(flow: Mapping[str, Any], *names: str) -> Any:
    return next((flow[name] for name in names if flow.get(name) is not None), None)


def _is_global(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
