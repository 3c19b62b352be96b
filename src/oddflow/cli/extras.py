"""Commands say what to install where an extra that they need is missing."""

SERVER = ("alembic", "argon2", "duckdb", "fastapi", "prometheus_client", "sqlalchemy", "uvicorn")
"""What the extra `server` brings, as it is imported."""


def need_server() -> None:
    """Raises UsageError where a package that the service needs is not installed."""
    from importlib.util import find_spec

    from oddflow.errors import UsageError

    missing = [name for name in SERVER if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the service needs {', '.join(missing)}; get all it needs with: pip install 'oddflow[server]'"
        )


CLUSTER = ("ray", "fsspec")
"""What the extra `cluster` brings, as it is imported."""


def need_cluster() -> None:
    """Raises UsageError where a package that work on a cluster needs is not installed."""
    from importlib.util import find_spec

    from oddflow.errors import UsageError

    missing = [name for name in CLUSTER if find_spec(name) is None]
    if missing:
        raise UsageError(f"--ray needs {', '.join(missing)}; get all it needs with: pip install 'oddflow[cluster]'")
