"""The audit trail is append-only: the database itself refuses to change or remove an entry.

The one change that is let through is a lawful erasure, which empties ``salt``, ``before`` and ``after`` and touches
nothing else.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIXED = ("seq", "at", "who", "action", "table_name", "record", "version", "why", "content_hash", "previous", "hash")
_WORDS = "the audit trail is append-only"


def upgrade() -> None:
    """Add the guards and the head of the empty trail."""
    head = sa.table("audit_head", sa.column("id", sa.Integer), sa.column("seq", sa.BigInteger), sa.column("hash", sa.Text))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _sqlite() -> None:
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)
    op.execute(f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END")
    op.execute(
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit WHEN NOT ({same} AND NEW.salt IS NULL AND NEW.before IS NULL "
        f"AND NEW.after IS NULL) BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
    )


def _postgresql() -> None:
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _FIXED)
    op.execute(
        f"""
        CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' THEN
            IF {same} AND NEW.salt IS NULL AND NEW.before IS NULL AND NEW.after IS NULL THEN
              RETURN NEW;
            END IF;
          END IF;
          RAISE EXCEPTION '{_WORDS}';
        END $$
        """
    )
    op.execute("CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_guard()")
    op.execute("CREATE TRIGGER audit_guard_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()")
