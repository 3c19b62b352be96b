"""All that is looked at, in the order in which a person would mend it."""

from collections.abc import Sequence
from importlib.util import find_spec

from oddflow.server.doctor.findings import Findings
from oddflow.server.doctor.machine import account_of, examine_memory, examine_program, examine_state, is_running
from oddflow.server.doctor.outputs import examine_enrichment, examine_outputs
from oddflow.server.doctor.sources import examine_source
from oddflow.server.doctor.store import examine_store
from oddflow.server.doctor.stream import examine_stream
from oddflow.server.doctor.web import examine_web
from oddflow.server.settings.settings import Settings

LIBRARIES = ("fastapi", "uvicorn", "sqlalchemy", "alembic", "duckdb", "argon2", "python_multipart", "prometheus_client")


def examine(settings: Settings, remarks: Sequence[str] = (), place: str = "settings") -> Findings:
    """Looks at everything; nothing is changed.

    Args:
        settings: As they were read.
        remarks: What reading them had to say.
        place: Their file.
    """
    findings = Findings()
    findings.well(place, "every key is known and has a value that it may have")
    for remark in remarks:
        findings.warn(place, "a key is called by its old name", remark)
    _libraries(findings)
    account = account_of(settings, findings)
    examine_program(account, findings)
    examine_state(settings, account, findings)
    runs = is_running(settings)
    if not settings.sources:
        findings.warn("sources", "there is none", "add [[sources]]; until then there are only uploads to judge")
    for source in settings.sources:
        examine_source(source, settings, account, findings, runs=runs)
    examine_stream(settings, account, findings)
    examine_web(settings.web, findings, runs=runs)
    examine_store(settings, findings)
    examine_outputs(settings.outputs, findings)
    examine_enrichment(settings.enrichment, account, findings)
    examine_memory(settings, findings)
    return findings


def _libraries(findings: Findings) -> None:
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        findings.fault(
            "libraries", f"the service needs {', '.join(missing)}", "install them: pip install 'oddflow[server]'"
        )
