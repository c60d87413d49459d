"""Keep the output of a benchmark for docs/validation.md: ``python -m benchmarks record accuracy table``."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path

from aftercar import __version__

RESULTS = Path(__file__).with_name("results")


def record(words: list[str]) -> None:
    """Run ``python -m benchmarks.WORDS``, show its output, and keep it with what it was measured on."""
    command = [sys.executable, "-m", f"benchmarks.{words[0]}", *words[1:]]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(process.returncode)
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    head = f"{dt.date.today().isoformat()}, AfterCAR {__version__}, {machine}, load {os.getloadavg()[0]:.1f} at the end"
    RESULTS.mkdir(exist_ok=True)
    text = f"$ python -m benchmarks.{' '.join(words)}\n# {head}\n{''.join(lines).rstrip()}\n"
    (RESULTS / f"{'-'.join(words)}.txt").write_text(text, encoding="utf-8")
