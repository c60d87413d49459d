"""Run the benchmarks named on the command line, or all of them; ``record NAME ...`` keeps the output of one."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks
from benchmarks._record import record


def main(wanted: list[str]) -> None:
    if wanted[:1] == ["record"] and len(wanted) > 1:
        return record(wanted[1:])
    known = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))
    known = [name for name in known if hasattr(importlib.import_module(f"benchmarks.{name}"), "main")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    for name in wanted or known:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
