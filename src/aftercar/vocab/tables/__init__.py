"""Every table of AfterCAR, one module per station; ``TABLES`` finds them by name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from aftercar.vocab.columns import Table


@cache
def all_tables() -> dict[str, Table]:
    """Every defined table by name, in the order of module and definition."""
    found: dict[str, Table] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for table in module.TABLES:
            if table.name in found:
                raise ValueError(f"table {table.name} is defined twice")
            found[table.name] = table
    return found
