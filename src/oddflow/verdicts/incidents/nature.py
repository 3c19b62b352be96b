"""What a strand looks like: its kind of attack by its alerts, or by its shape where they tell none."""

import math
from dataclasses import dataclass

from oddflow.schema import AttackCategory
from oddflow.verdicts.incidents.strand import Strand

UNTOLD = {AttackCategory.NORMAL, AttackCategory.OTHER}

PHASE = {
    AttackCategory.PROBE: 1,
    AttackCategory.BRUTE_FORCE: 2,
    AttackCategory.WEB: 2,
    AttackCategory.R2L: 2,
    AttackCategory.U2R: 3,
    AttackCategory.BOTNET: 4,
    AttackCategory.TUNNEL: 5,
    AttackCategory.EXFILTRATION: 5,
}
"""How far an intrusion has come, after the order of ATT&CK's tactics: reconnaissance, initial access, privilege
escalation, command and control, exfiltration. Denial of service is no step of one."""
PHASE_OF = {category.value: phase for category, phase in PHASE.items()}

LOGIN_PORTS = frozenset({21, 22, 23, 110, 143, 389, 445, 1433, 3306, 3389, 5432, 5900, 5985})
LEAST_PROBES = 10
LEAST_LOGINS = 5
LEAST_HOLDING = 50
LEAST_UPLOAD_BYTES = 1_000_000
LEAST_TUNNEL_BYTES = 100_000
DNS = 53


@dataclass(frozen=True, slots=True)
class Nature:
    """A kind of attack, and how likely it is; "" and 0 where nothing tells."""

    category: str = ""
    probability: float = 0.0

    @property
    def phase(self) -> int:
        """How far it stands in an intrusion; 0 where it is no step of one."""
        return PHASE_OF.get(self.category, 0)


def nature_of(strand: Strand) -> Nature:
    """What most of its alerts say, weighed by how sure they are; else what its shape suggests."""
    told = {name: weight for name, weight in strand.categories.items() if name not in UNTOLD}
    if told:
        name = max(told, key=lambda one: (told[one], one))
        return Nature(name, min(1.0, told[name] / strand.alerts))
    return _by_shape(strand)


def _by_shape(strand: Strand) -> Nature:
    """What many alerts together suggest though each says nothing; never more than 0.9.

    No data at all to ten or more ports or hosts is a probe. Many sessions with a service that asks for a password
    are guesses. DNS that carries much is a tunnel; many sessions that one client holds at one service, denial of
    service; a megabyte that leads by what the source sent, an upload.
    """
    tried = max(strand.ports.bit_count(), len(strand.targets))
    if not strand.with_data and tried >= LEAST_PROBES:
        return Nature(AttackCategory.PROBE, _surer(0.6, tried / LEAST_PROBES))
    if strand.port in LOGIN_PORTS and strand.with_data >= LEAST_LOGINS:
        return Nature(AttackCategory.BRUTE_FORCE, _surer(0.5, strand.alerts / LEAST_LOGINS))
    if strand.port == DNS and strand.size_bytes >= LEAST_TUNNEL_BYTES:
        return Nature(AttackCategory.TUNNEL, _surer(0.5, strand.size_bytes / LEAST_TUNNEL_BYTES))
    if strand.port is not None and strand.alerts >= LEAST_HOLDING * len(strand.targets):
        return Nature(AttackCategory.DOS, _surer(0.4, strand.alerts / LEAST_HOLDING))
    if strand.size_bytes >= LEAST_UPLOAD_BYTES and strand.reason.startswith("forward_"):
        return Nature(AttackCategory.EXFILTRATION, _surer(0.4, strand.size_bytes / LEAST_UPLOAD_BYTES))
    return Nature()


def _surer(least: float, times: float) -> float:
    """`least`, and a tenth more each time that the evidence is ten times as much; never more than 0.9."""
    return round(min(0.9, least + 0.1 * math.log10(max(times, 1.0))), 2)
