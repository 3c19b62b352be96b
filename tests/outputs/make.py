"""Alerts that say all that can be said, and messages of them."""

from dataclasses import dataclass

from oddflow.outputs.formats import FORMATS
from oddflow.outputs.notice import notice_of
from oddflow.verdicts.alert import Reason
from tests.verdicts.make import alert

HOSTILE = 'a|b=c\\d"e]f,\n\r\t=1+1\u202e<script>é\udc80'
RICH = alert(
    src_name="laptop.office.example",
    dst_name="evil.example",
    src_country="DE",
    dst_country="NZ",
    intelligence=("10.0.0.2 is in the list bad.txt: a botnet",),
    category="probe",
    category_probability=0.93,
    community_id="1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
)
BARE = alert(reasons=(), src_port=0, dst_port=0, protocol=0, community_id="", rarity="", src_ip="fd00::1", dst_ip="x7f")
SIX = alert(src_ip="fd00::1", dst_ip="fd00::2", protocol=17, dst_port=53)
NASTY = alert(
    source=HOSTILE, rarity=HOSTILE, src_name=HOSTILE, dst_name=HOSTILE, category="web", category_probability=0.6,
    reasons=(Reason("x", 1.0, 0.0, 0.0, 1.0, HOSTILE),), intelligence=(HOSTILE,), record_id=HOSTILE,
)  # fmt: skip
ALERTS = {"rich": RICH, "bare": BARE, "six": SIX, "nasty": NASTY}


@dataclass(frozen=True)
class Incident:
    """What outputs need of an incident."""

    id: str = "abcdef012345"
    title: str = "10.0.0.66 tried 120 ports of 10.0.0.10, then spoke to 2001:db8::1"
    severity: str = "critical"
    first_ns: int = 1_700_000_000_123_456_789
    last_ns: int = 1_700_000_060_000_000_000
    hosts: tuple[str, ...] = ("10.0.0.66", "10.0.0.10", "2001:db8::1", "arp")
    category: str = "probe"
    category_probability: float = 0.8
    techniques: tuple[str, ...] = ("T1046", "T1021.004")
    alert_ids: tuple[str, ...] = ("0123456789ab", "ffff")
    points: int = 90

    def as_dict(self):
        """As JSON values."""
        return {"id": self.id, "title": self.title, "points": self.points}


ALERTS["incident"] = Incident()


def said(item, name):
    """An alert in a format."""
    return FORMATS[name].say(notice_of(item))


def messages(count, name="json", **changes):
    """Messages of alerts with different ids."""
    return [FORMATS[name].message(alert(id=f"{number:012x}", **changes)) for number in range(1, count + 1)]
