import pytest

from aftercar.vocab.columns import Column, Table
from aftercar.vocab.tables import all_tables


def test_every_reference_points_to_a_column():
    tables = all_tables()
    for table in tables.values():
        for column in table.columns:
            if column.refers_to:
                other, name = column.refers_to.split(".")
                assert name in tables[other], f"{table.name}.{column.name}"


def test_every_column_is_described():
    for table in all_tables().values():
        for column in table.columns:
            assert column.about.strip(), f"{table.name}.{column.name}"
            assert (column.kind == "choice") == bool(column.choices), f"{table.name}.{column.name}"


def test_a_column_stands_once():
    with pytest.raises(ValueError, match="twice"):
        Table("t", "", (Column("a", "text", ""), Column("a", "text", "")))
