"""Commands of the service say what to install where it is missing."""

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
