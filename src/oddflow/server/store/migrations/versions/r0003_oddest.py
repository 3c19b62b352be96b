"""The oddest alerts of an incident are found at once, however many it has."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From 0002."""
    op.create_index("ix_alerts_incident_score_id", "alerts", ["incident", "score", "id"])
