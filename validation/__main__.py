"""``python -m validation``: the table of agreement of every area.

Every module or package of this folder that has a ``table()`` takes part: it returns rows of name, our figure, the
reference, the tolerance and whether they agree. One that has only a ``main()`` is named, to be run on its own. The
status is 1 when anything disagrees.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

from validation import __path__ as places


def modules() -> list[ModuleType]:
    """The parts, in alphabetical order; a package may keep its table in one of its modules."""
    found = []
    for info in sorted(pkgutil.iter_modules(places), key=lambda item: item.name):
        if info.name.startswith("_"):
            continue
        whole = importlib.import_module(f"validation.{info.name}")
        parts = [whole]
        if info.ispkg and not hasattr(whole, "table") and not hasattr(whole, "main"):
            inner = [part.name for part in pkgutil.iter_modules(whole.__path__) if not part.name.startswith("_")]
            parts = [importlib.import_module(f"validation.{info.name}.{name}") for name in sorted(inner)]
        found += [part for part in parts if hasattr(part, "table") or hasattr(part, "main")]
    return found


def main() -> int:
    """Print every table; 1 when a figure disagrees."""
    wrong = total = 0
    for module in modules():
        if not hasattr(module, "table"):
            print(f"# {module.__name__.removeprefix('validation.')}: no table; run python -m {module.__name__}")
            continue
        print(f"# {module.__name__.removeprefix('validation.')}")
        print("name\tours\treference\ttolerance\tagrees")
        for name, ours, reference, tolerance, agrees in module.table():
            print(f"{name}\t{ours:.10g}\t{reference:.10g}\t{tolerance:g}\t{'yes' if agrees else 'NO'}", flush=True)
            total += 1
            wrong += not agrees
    print(f"# {total} figures compared, {wrong} disagree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
