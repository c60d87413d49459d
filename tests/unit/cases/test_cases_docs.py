"""The table of claimed elements in the docs is the one of the code."""

from __future__ import annotations

from tests.docs.e2b_table import PAGE, page


def test_the_table_of_claimed_elements_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.e2b_table"
