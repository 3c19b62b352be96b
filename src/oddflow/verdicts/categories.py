"""Which kind of attack an alert likeliest is: rules on its evidence, as data.

Of the rules whose conditions all hold the surest speaks. Where none holds, or rules of different categories do, nothing
is said. A rule's confidence is at most the share of the alerts of labelled sources that it named rightly (each source
of three alerts or more counts as much as another, docs/kinds.md): at most 0.9, at most 0.7 where one or two tell, at
most 0.5 where all have fewer alerts, and at most 0.3 where there are none.
"""

import math
import re
from collections import Counter
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
ICMP = (1, 58)
TCP = 6
ONCE_S = 0.1
"""Sooner no one repeats a SYN: TCP waits for a second (RFC 6298, section 2.1), nmap for 0.1 s at least."""
ESCAPED = re.compile(r"\\x[0-9a-f]{2}")

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
_UNUSED, _ONCE, _FLOW = (Condition(fact, 0, 0) for fact in ("exchanged", "opened_at_once", "group"))
_HELD_OPEN = (_UNUSED, _IS("web"), _IS("duration_s", 5), _IS("sent", 1))
_CODED = (_IS("label_length", 30), _IS("label_entropy", 3))
_GIVEN_AWAY = (_IS("outward"), _IS("exchanged"), _IS("upload_share", 0.9))

RULES: tuple[Rule, ...] = (
    Rule("many services of one host", (_IS("group_vertical_scan"), _ONCE), AttackCategory.PROBE, ("T1046",), 0.7,
         "who tries many ports and uses none is looking for open ones"),
    Rule("one service of many hosts", (_IS("group_horizontal_scan"),), AttackCategory.PROBE, ("T1046", "T1018"), 0.3,
         "who tries one port of many hosts and uses none is looking for victims"),
    Rule("flood over many services", (_IS("group_vertical_scan"), _IS("opened_at_once")), AttackCategory.DOS,
         ("T1498.001", "T1499.001"), 0.7, "who asks again before an answer can come looks for none"),
    Rule("group of unanswered flows", (_IS("group_unanswered_flood"), _IS("group_rate", 10)), AttackCategory.DOS,
         ("T1498.001", "T1499"), 0.7,
         "flows that no one answers, quicker than a program tries again, fill up a service or its network"),
    Rule("group held open", (_IS("group_unanswered_flood"), *_HELD_OPEN), AttackCategory.DOS, ("T1499.002",), 0.5,
         "many requests to a web server that are not finished keep its places"),
    Rule("group of flows", (_IS("group_flood"), _IS("group_rate", 10)), AttackCategory.DOS, ("T1498.001",), 0.7,
         "far more flows, and quicker, than this service has"),
    Rule("bytes without an answer", (_IS("group_upload"), _UNUSED), AttackCategory.DOS, ("T1498.001",), 0.5,
         "more bytes than hosts here send, to one that says nothing: nothing is copied so"),
    Rule("regular contacts", (_IS("group_beacon"), _IS("from_inside")), AttackCategory.BOTNET, ("T1071",), 0.5,
         "a program here reports at an interval to an end that nobody reported to before"),
    Rule("repeated logins", (_IS("group_repeats"), _IS("login")), AttackCategory.BRUTE_FORCE, ("T1110",), 0.5,
         "many short exchanges with a service that asks for a password"),
    Rule("repeated questions", (_IS("group_repeats"), _IS("dns"), *_CODED), AttackCategory.TUNNEL,
         ("T1071.004", "T1572"), 0.3, "far more questions to a name server than hosts here have, of coded names"),
    Rule("repeated requests", (_IS("group_repeats"), _IS("web"), _IS("group_rate", 10)), AttackCategory.DOS,
         ("T1499.002",), 0.3, "far more requests to a web server, and quicker, than hosts here have"),
    Rule("bytes to one peer", (_IS("group_upload"), *_GIVEN_AWAY, _IS("group_lasted_s", 60)),
         AttackCategory.EXFILTRATION, ("T1048", "T1041"), 0.3,
         "for a minute or more, more bytes to one peer outside than hosts here send, and little comes back"),
    Rule("port after port", (_FLOW, _UNUSED, _ONCE, _IS("pair_ports", 8)), AttackCategory.PROBE, ("T1046",), 0.7,
         "this flow is one of many to different ports of a host, none of them used"),
    Rule("host after host", (_FLOW, _UNUSED, _ONCE, _IS("host_peers", 8)), AttackCategory.PROBE, ("T1046", "T1018"),
         0.3, "this flow is one of many to different hosts, none of them used"),
    Rule("opened again at once", (_FLOW, _IS("opened_at_once"), _IS("host_flows", 20)), AttackCategory.DOS,
         ("T1498.001", "T1499.001"), 0.7, "who asks again before an answer can come looks for none"),
    Rule("unanswered flood", (_FLOW, _UNUSED, _IS("service_rate", 10)), AttackCategory.DOS, ("T1498.001", "T1499"), 0.9,
         "this flow is one of many unanswered ones to a service, quicker than a program tries again"),
    Rule("held open", (_FLOW, *_HELD_OPEN), AttackCategory.DOS, ("T1499.002",), 0.7,
         "a request to a web server that is not finished for seconds keeps a place there"),
    Rule("request after request", (_FLOW, _IS("exchanged"), _IS("web"), _IS("service_rate", 10), _IS("repeats", 30)),
         AttackCategory.DOS, ("T1499.002",), 0.3, "one of many requests of a host to a web server, in a row"),
    Rule("sent without an answer", (_FLOW, _UNUSED, _IS("sent", 1_000_000)), AttackCategory.DOS, ("T1498.001",), 0.5,
         "many bytes to one that says nothing: nothing is copied so"),
    Rule("login after login", (_FLOW, _IS("login"), _IS("exchanged"), _IS("repeats", 5), _IS("sent", 0, 16_384)),
         AttackCategory.BRUTE_FORCE, ("T1110",), 0.7,
         "one of several short sessions in a row with a service that asks for a password"),
    Rule("much said in questions", (_FLOW, _IS("dns"), _IS("exchanged"), _IS("sent", 400), _IS("packet_bytes", 100)),
         AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.5, "questions to a name server that are longer than names"),
    Rule("coded names", (_FLOW, _IS("dns"), *_CODED, _IS("repeats", 10)), AttackCategory.TUNNEL,
         ("T1071.004", "T1572"), 0.7, "one of many questions whose names have long parts without a pattern"),
    Rule("questions in a row", (_FLOW, _IS("dns"), _IS("exchanged"), _IS("name_length"), _IS("alike", 20),
                                _IS("sent_before", 10_000)),
         AttackCategory.TUNNEL, ("T1071.004", "T1572"), 0.7,
         "many answered questions of one size to one name server, that come to more than names do"),
    Rule("data in pings", (_IS("icmp"), _IS("exchanged"), _IS("sent", 10_000), _IS("packet_bytes", 200),
                           _IS("payload_entropy", 6)),
         AttackCategory.TUNNEL, ("T1095", "T1572"), 0.3, "ICMP with much content that has no pattern carries data"),
    Rule("command to a plant", (_FLOW, _IS("control"), _IS("exchanged")), AttackCategory.OTHER, ("T0855",), 0.3,
         "an odd exchange with a controller"),
    Rule("large upload", (_FLOW, *_GIVEN_AWAY, _IS("sent", 5_000_000), _IS("duration_s", 30)),
         AttackCategory.EXFILTRATION, ("T1048",), 0.3, "far more goes out of the network than comes in, for long"),
)  # fmt: skip
"""Which holds is decided by all conditions of each; their order only serves those who read them."""


def likeliest(facts: Facts) -> Likeliest:
    """What the rules say.

    >>> likeliest({"group_horizontal_scan": 1.0}).category
    'probe'
    """
    rule = rule_of(facts)
    return UNKNOWN if rule is None else Likeliest(rule.category.value, rule.confidence, rule.techniques)


def rule_of(facts: Facts) -> Rule | None:
    """The surest rule that holds; None where none does, or where those that hold contradict each other."""
    held = [rule for rule in RULES if all(condition.holds(facts) for condition in rule.when)]
    if len({rule.category for rule in held}) != 1:
        return None
    return max(held, key=lambda rule: rule.confidence)


def facts_of(
    flow: Mapping[str, Any],
    row: NDArray[np.float32] | None = None,
    features: tuple[Feature, ...] = (),
    measure: str = "",
    *,
    group_value: float = 0.0,
    group_lasted_s: float = 0.0,
) -> dict[str, float]:
    """The evidence of an alert, as numbers; 1 and 0 for yes and no.

    Args:
        flow: A row of the flow table.
        row, features: Its feature row, (d,); of counts over several windows the greatest speaks.
        measure: What was counted of its group, where the alert is of a group.
        group_value: What that came to.
        group_lasted_s: In how long.
    """
    sent, received = (
        float(_first(flow, f"{way}_payload_bytes", f"{way}_bytes") or 0) for way in ("forward", "reverse")
    )
    port, protocol = int(flow["dst_port"]), int(flow["protocol"])
    duration_s = (flow["end"] - flow["start"]) / 1e9
    name = ESCAPED.sub(lambda found: chr(int(found[0][-2:], 16)), flow.get("dns_query") or "")
    label = max(name.split("."), key=len)
    repeated_s = min(duration_s, float(_first(flow, "forward_gap_min_us") or math.inf) / 1e6)
    is_opening = protocol == TCP and not sent and (flow.get("forward_syn") or 0) >= 2
    facts = {
        "group": float(bool(measure)),
        "exchanged": float(sent > 0 and received > 0),
        "sent": sent,
        "received": received,
        "upload_share": sent / max(1.0, sent + received),
        "packet_bytes": sent / max(1.0, float(flow.get("forward_packets") or 0)),
        "duration_s": duration_s,
        "login": float(port in LOGIN_PORTS),
        "web": float(port in WEB_PORTS),
        "dns": float(port == DNS_PORT and protocol not in ICMP),
        "icmp": float(protocol in ICMP),
        "control": float(port in CONTROL_PORTS),
        "name_length": float(len(name)),
        "label_length": float(len(label)),
        "label_entropy": _entropy(label),
        "opened_at_once": float(is_opening and repeated_s < ONCE_S),
        "outward": float(_is_global(flow["dst_ip"])),
        "from_inside": float(not _is_global(flow["src_ip"])),
    }
    if flow.get("forward_payload_entropy") is not None:
        facts["payload_entropy"] = float(flow["forward_payload_entropy"])
    if measure:
        lasted_s = max(1e-3, group_lasted_s)
        return facts | {
            f"group_{measure}": 1.0, "group_lasted_s": lasted_s, "group_rate": group_value / lasted_s
        }  # fmt: skip
    for feature, value in zip(features, row if row is not None else (), strict=False):
        base, _, window = feature.name.rpartition("_")
        if base in CONTEXT:
            known = "sent_before" if base == "sent" else base
            facts[known] = max(facts.get(known, 0.0), float(value))
            if base == "service_flows":
                facts["service_rate"] = max(facts.get("service_rate", 0.0), float(value) / float(window[:-1]))
    return facts


def _entropy(text: str) -> float:
    """How much a letter says, in bits: Shannon's entropy of the letters.

    >>> _entropy("aabb"), _entropy("")
    (1.0, 0.0)
    """
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values()) + 0.0


def _first(flow: Mapping[str, Any], *names: str) -> Any:
    return next((flow[name] for name in names if flow.get(name) is not None), None)


def _is_global(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
