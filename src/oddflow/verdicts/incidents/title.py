"""What was done, in a sentence that says no more than was seen."""

from collections.abc import Sequence

from oddflow.amounts import count, size
from oddflow.schema import AttackCategory
from oddflow.verdicts.incidents.incident import Stage
from oddflow.verdicts.incidents.nature import Nature
from oddflow.verdicts.incidents.strand import Hosts, Strand

CLAUSES = 3


PHRASES: dict[str, str] = {
    AttackCategory.PROBE: "{who} probed {target}",
    AttackCategory.BRUTE_FORCE: "{who} had {sessions} with {target} that look like password guessing",
    AttackCategory.DOS: "{who} kept {target} busy with {flows}",
    AttackCategory.TUNNEL: "{who} exchanged {size} with {target} as a tunnel does",
    AttackCategory.EXFILTRATION: "{who} moved {size} to {target}",
    AttackCategory.BOTNET: "{who} kept in touch with {target} as bots do",
    AttackCategory.WEB: "{who} sent {target} requests like an attack on the web",
    AttackCategory.R2L: "{who} used {target} as an intruder does",
    AttackCategory.U2R: "{who} used {target} as an intruder does",
}
UNTOLD = "{who} had {flows} with {target}"


def clause(strand: Strand, nature: Nature) -> str:
    """What a strand's sources did, and to whom."""
    return PHRASES.get(nature.category, UNTOLD).format(
        who=strand.sources.first(1)[0] if len(strand.sources) == 1 else _hosts(strand.sources),
        target=_target(strand),
        flows=count(strand.alerts, "odd flow"),
        sessions=count(strand.alerts, "session"),
        size=size(strand.size_bytes),
    )


def title_of(stages: Sequence[Stage]) -> str:
    """Clause after clause, in the order of time; those of no known category only where there are no others."""
    told = [stage for stage in stages if stage.category] or [max(stages, key=lambda stage: stage.alerts)]
    text, last_ns = "", 0
    for stage in told[:CLAUSES]:
        joint = "" if not text else ", then " if stage.first_ns > last_ns else "; meanwhile "
        text += joint + stage.title
        last_ns = max(last_ns, stage.last_ns)
    more = len(told) - CLAUSES
    return text + (f", and {more:,} more" if more > 0 else "")


def _target(strand: Strand) -> str:
    ports = strand.ports.bit_count()
    if len(strand.targets) == 1:
        host = strand.targets.first(1)[0]
        if ports > 1:
            return f"{ports:,} ports of {host}"
        port = strand.port
        return host if port is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    hosts = _hosts(strand.targets)
    if ports > 1:
        return f"{ports:,} ports of {hosts}"
    return hosts if strand.port is None else f"port {strand.port} of {hosts}"


def _hosts(hosts: Hosts) -> str:
    return f"{'more than ' if hosts.others else ''}{len(hosts):,} hosts"
