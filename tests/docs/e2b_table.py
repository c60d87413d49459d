"""Write the table of claimed elements into docs/e2b.md: ``python -m tests.docs.e2b_table``."""

from __future__ import annotations

from pathlib import Path

from aftercar.cases.e2b.elements import claimed_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "e2b.md"
MARK = "## Every element read and written"


def page() -> str:
    """The page with a fresh table."""
    head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    return "\n".join([head + MARK, "", *claimed_table(), ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
