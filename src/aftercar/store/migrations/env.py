"""What Alembic runs: on the connection that it is given, inside the caller's transaction."""

from alembic import context

from aftercar.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    transactional_ddl=False,  # the caller's transaction holds all of it
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
