"""What a token may be used for, within what its owner may do."""

from enum import StrEnum

from oddflow.server.access.identity import Role


class Scope(StrEnum):
    """A purpose; a token has at least one."""

    READ = "read"
    """Reads what its role reads."""
    WRITE = "write"
    """Says what alerts are, takes and closes incidents."""
    MODELS = "models"
    """Promotes models, rolls them back, shadows them."""
    UPLOAD = "upload"
    """Sends captures and reads their verdicts."""
    METRICS = "metrics"
    """Reads /metrics, and nothing else."""


LEAST_ROLE = {
    Scope.READ: Role.VIEWER,
    Scope.WRITE: Role.ANALYST,
    Scope.MODELS: Role.ADMIN,
    Scope.UPLOAD: Role.ANALYST,
    Scope.METRICS: Role.VIEWER,
}
"""What a scope is of no use without."""
