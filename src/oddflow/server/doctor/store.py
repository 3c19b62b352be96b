"""The store: whether it can be reached, and whether its tables are those of this version."""

from importlib.util import find_spec

from oddflow.errors import OddflowError
from oddflow.server.doctor.findings import Findings
from oddflow.server.settings.settings import Settings


def examine_store(settings: Settings, findings: Findings) -> None:
    """Reads which revision it has; makes and changes nothing."""
    if find_spec("sqlalchemy") is None:
        return  # said of all libraries together
    if settings.store_file is not None and not settings.store_file.exists():
        findings.well("store", f"{settings.store_file} will be made")
        return
    from oddflow.server.store.database import Database  # noqa: PLC0415  (an extra)
    from oddflow.server.store.migrating import REVISIONS, revision_of  # noqa: PLC0415

    password = settings.store.password
    try:
        database = Database(settings.store_url, password.get_secret_value() if password else None)
        try:
            revision = revision_of(database)
        finally:
            database.close()
    except OddflowError as error:
        findings.fault("store", str(error))
        return
    if revision == REVISIONS[-1]:
        findings.well("store", f"{database.where} is reached; its tables are those of this version ({revision})")
    elif not revision:
        findings.well("store", f"{database.where} is reached; its tables will be made")
    else:
        findings.warn(
            "store",
            f"{database.where} has the tables of revision {revision}, this version needs {REVISIONS[-1]}",
            "make a back-up; the next start of the service changes them",
        )
