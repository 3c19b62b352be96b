"""What a token may be used for, within what its owner may do."""

from enum import StrEnum


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
