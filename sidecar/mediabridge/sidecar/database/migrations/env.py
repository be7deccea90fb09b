"""What Alembic runs: the revisions, on the connection that `migrate.py` has opened and will commit."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
