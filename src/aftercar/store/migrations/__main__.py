"""Write the next migration from the difference between the migrations so far and the definitions.

For developers::

    python -m aftercar.store.migrations "Keep causality assessments"

Read and correct what it writes, and set ``HEAD`` in ``store/migrate.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from aftercar.store import migrate
from aftercar.store.database import make_engine, writing


def main(message: str) -> None:
    """Write the next revision file."""
    number = len(list((migrate.FOLDER / "versions").glob("[0-9]*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'empty.db'}", create=True)
        made = migrate.config()
        with writing(engine) as connection:
            made.attributes["connection"] = connection
            command.upgrade(made, "head")
            command.revision(made, message=message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
