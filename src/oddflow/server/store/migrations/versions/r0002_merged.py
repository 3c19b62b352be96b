"""Incidents that turn out to be part of another one are known to be."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From 0001: all that are there stand for themselves."""
    op.add_column("incidents", sa.Column("merged_into", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_incidents_merged_into", "incidents", ["merged_into"])
