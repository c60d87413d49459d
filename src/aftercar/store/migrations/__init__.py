"""Alembic migrations of the store; ``python -m aftercar.store.migrations "why"`` writes the next one."""
