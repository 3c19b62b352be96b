"""What Alembic runs: the revisions, in the transaction that `migrating.py` has begun."""

from alembic import context

from oddflow.server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
